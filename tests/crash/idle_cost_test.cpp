#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <thread>

#include "crash/actors.hpp"

// I9: an idle waiter costs no CPU; acquire and release, when nobody is in the way, make no system call.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

/// CPU time of all threads of this process.
std::chrono::microseconds cpu_time() {
    rusage use{};
    ::getrusage(RUSAGE_SELF, &use);
    const auto of = [](const timeval& t) { return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec); };
    return of(use.ru_utime) + of(use.ru_stime);
}

// The kernel charges whole clock ticks where it does not count exactly; a waiter that polls or spins uses them all.
constexpr std::chrono::microseconds few_ticks = 150ms * slowness;

class IdleProcess : public ::testing::TestWithParam<duration> {};

TEST_P(IdleProcess, ThatWaitsUsesNoCpuTime) {
    watchdog guard{120s};
    scene set({.permits = 1, .ttl = GetParam()});
    holder first(set);
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        EXPECT_FALSE(permits.try_acquire_for(50ms));  // everything that is done once is done
        const auto before = cpu_time();
        EXPECT_FALSE(permits.try_acquire_for(3s));
        EXPECT_LT(cpu_time() - before, few_ticks);
    });
    first.let_go();
    expect_whole(set);
}

TEST_P(IdleProcess, ThatWaitsForTheEndOfAPauseUsesNoCpuTime) {
    for (const order how : {order::fifo, order::throughput}) {
        watchdog guard{120s};
        scene set({.permits = 2, .ttl = GetParam(), .order = how});
        in_child([&] {
            segment home = set.open();
            auto permits = home.find(scene::permits);
            permits.pause();
            EXPECT_FALSE(permits.try_acquire_for(50ms));
            const auto before = cpu_time();
            EXPECT_FALSE(permits.try_acquire_for(2s));
            EXPECT_LT(cpu_time() - before, few_ticks);
            permits.resume();
        });
        expect_whole(set);
    }
}

TEST_P(IdleProcess, ThatHoldsAndRenewsUsesNoCpuTime) {
    watchdog guard{120s};
    scene set({.permits = 2, .ttl = GetParam()});
    holder other(set);
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine = permits.acquire();
        const auto before = cpu_time();
        std::this_thread::sleep_for(3s);  // this is the idling, not a wait for something
        EXPECT_LT(cpu_time() - before, few_ticks);
        EXPECT_TRUE(mine.valid());
        EXPECT_TRUE(mine.release());
    });
    other.let_go();
    expect_whole(set);
}

std::string ttl_name(const ::testing::TestParamInfo<duration>& info) {
    return info.param == forever ? "WithoutTtl" : "OverManyHeartbeats";
}

INSTANTIATE_TEST_SUITE_P(Idle, IdleProcess, ::testing::Values(forever, duration(300ms)), ttl_name);

// A filter on this thread alone: any system call but the end of the process kills the process.
bool forbid_system_calls() {
    std::array<sock_filter, 4> program{
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

constexpr int kPairs = 100'000;
constexpr int no_filter_here = 77;
constexpr int wrong_answer = 78;

/// Ends the process with 0 if `pair` runs kPairs times without a system call; killed by SIGSYS at the first one.
template <class Pair>
[[noreturn]] void run_without_system_calls(Pair pair) {
    for (int i = 0; i < 1000; ++i) (void)pair();
    if (!forbid_system_calls()) ::_exit(no_filter_here);
    for (int i = 0; i < kPairs; ++i) {
        if (!pair()) ::_exit(wrong_answer);
    }
    ::_exit(0);
}

/// 0, or the reason to skip.
void expect_no_system_call(child& process) {
    const int status = process.wait_exit();
    if (status == no_filter_here) GTEST_SKIP() << "no seccomp filters here: " << std::strerror(errno);
    EXPECT_EQ(status, 0) << "a system call was made, or (" << wrong_answer << ") a permit was refused";
}

class Uncontended : public ::testing::Test {
   protected:
    void SetUp() override {
        // Their runtimes make system calls of their own, e.g. to map shadow memory.
        if (address_sanitizer || thread_sanitizer) GTEST_SKIP() << "sanitizers make system calls of their own";
    }
};

TEST_F(Uncontended, TheFilterKillsAtASystemCall) {
    watchdog guard{120s};
    auto process = fork_child([] { run_without_system_calls([] { return ::getppid() != 0; }); });
    EXPECT_EQ(process.wait_signal(), SIGSYS);
}

TEST_F(Uncontended, AcquireAndReleaseMakeNoSystemCall) {
    watchdog guard{120s};
    for (const duration ttl : {forever, duration(10min)}) {
        for (const renewal how : {renewal::automatic, renewal::manual}) {
            const scene set({.permits = 2, .ttl = ttl, .renewal = how});
            auto process = fork_child([&] {
                segment home = set.open();
                auto permits = home.find(scene::permits);
                run_without_system_calls([&] {
                    lease mine = permits.acquire();
                    return mine.release();
                });
            });
            expect_no_system_call(process);
        }
    }
}

TEST_F(Uncontended, TryAcquireLabelledAndDestroyedMakesNoSystemCall) {
    watchdog guard{120s};
    const scene set(unexpiring(4));
    auto process = fork_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        const lease another = permits.acquire();
        run_without_system_calls([&] {
            const auto mine = permits.try_acquire({.label = "work"});
            return mine.has_value() && mine->valid();
        });
    });
    expect_no_system_call(process);
}

TEST_F(Uncontended, AcquireAndReleaseOfSeveralMakeNoSystemCall) {
    watchdog guard{120s};
    const scene set(unexpiring(4));
    auto process = fork_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        run_without_system_calls([&] {
            lease mine = permits.acquire({.permits = 3});
            return mine.release();
        });
    });
    expect_no_system_call(process);
}

TEST_F(Uncontended, AcquireWithADeadlineMakesNoSystemCall) {
    watchdog guard{120s};
    const scene set(unexpiring(1));
    auto process = fork_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        run_without_system_calls([&] { return permits.try_acquire_for(1h).has_value(); });
    });
    expect_no_system_call(process);
}

TEST_F(Uncontended, OwnerlessAcquireAndReleaseMakeNoSystemCall) {
    watchdog guard{120s};
    const scene set;
    auto process = fork_child([&] {
        segment home = set.open();
        auto units = home.ownerless("units", {.initial = 1});
        run_without_system_calls([&] {
            units.acquire();
            units.release();
            return true;
        });
    });
    expect_no_system_call(process);
}

}  // namespace
}  // namespace shmsem::test
