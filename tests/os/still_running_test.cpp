#include "os/still_running.hpp"

#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <thread>

#include "os/testing.hpp"
#include "support/eventually.hpp"
#include "support/shmsem_test.hpp"

#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

// The mark that the kernel clears when a thread loses its processor.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

class StillRunning : public ::testing::Test {
   protected:
    void SetUp() override {
#if defined(RSEQ_SIG)
        if (__rseq_size == 0)
            GTEST_SKIP() << "restartable sequences are not registered here (kernel, valgrind, or a tunable)";
#else
        GTEST_SKIP() << "this C library has no restartable sequences";
#endif
    }
    static void sleep_briefly() {
        timespec const brief{.tv_sec = 0, .tv_nsec = 1'000'000};
        ::nanosleep(&brief, nullptr);
    }
};

TEST_F(StillRunning, HoldsWhileTheThreadKeepsItsProcessor) {
    // It may lose it at any time, but hardly each time.
    EXPECT_TRUE(eventually([] { return os::still_running(os::mark_running()); }));
}

TEST_F(StillRunning, EndsWhenTheThreadSleeps) {
    const os::running_word* mine = os::mark_running();
    sleep_briefly();
    EXPECT_FALSE(os::still_running(mine));
}

TEST_F(StillRunning, EndsWhenTheThreadHandlesASignal) {
    struct sigaction before {};
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
    const os::running_word* mine = os::mark_running();
    ::raise(SIGUSR1);
    EXPECT_FALSE(os::still_running(mine));
    ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_F(StillRunning, EndsWhenTheThreadIsPreempted) {
    cpu_set_t before;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(::sched_getcpu(), &one);
    ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    std::jthread rival([](const std::stop_token& stop) {  // for the same processor
        while (!stop.stop_requested()) {
        }
    });
    const os::running_word* mine = os::mark_running();
    while (os::still_running(mine)) {  // makes no call, so only preemption ends it
    }
    ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
}

TEST_F(StillRunning, IsKnownOfEachThreadApart) {
    const os::running_word* mine = os::mark_running();
    const os::running_word* others = nullptr;
    std::thread([&others] { others = os::mark_running(); }).join();
    EXPECT_NE(mine, others);
}

TEST_F(StillRunning, IsNeverSaidWhereThereAreNoRestartableSequences) {
    EXPECT_EXIT(
        {
            os::testing::refuse(os::testing::syscall_kind::rseq);
            const os::running_word* mine = os::mark_running();
            ::_exit(os::still_running(mine) ? 1 : 0);
        },
        ::testing::ExitedWithCode(0), "");
}

TEST_F(StillRunning, IsNotSaidOfAThreadThatWasNeverMarked) { EXPECT_FALSE(os::still_running(&os::never_running)); }

}  // namespace
}  // namespace shmsem::test
