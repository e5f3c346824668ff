#include <gtest/gtest-spi.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <thread>

#include "support/shmsem_test.hpp"

// The other tests believe what these tools tell them.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

TEST(Child, IsDeadAndReapedWhenKillReturns) {
    watchdog guard{20s};
    shared<flag> up;
    auto victim = fork_child([&] {
        up->raise();
        for (;;) ::pause();
    });
    up->wait();
    EXPECT_TRUE(victim.kill());
    EXPECT_EQ(victim.wait_signal(), SIGKILL);
    EXPECT_EQ(::kill(victim.pid(), 0), -1);
}

TEST(Child, IsKilledAndReapedWhenItsObjectGoes) {
    watchdog guard{20s};
    pid_t pid = 0;
    {
        auto victim = fork_child([] {
            for (;;) ::pause();
        });
        pid = victim.pid();
    }
    EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(Child, GivesItsResultAsExitStatus) {
    watchdog guard{20s};
    auto seven = fork_child([] { return 7; });
    EXPECT_EQ(seven.wait_exit(), 7);
}

TEST(Child, RunsAgainOnlyAfterCont) {
    watchdog guard{20s};
    shared<flag> go;
    shared<flag> ran;
    auto sleeper = fork_child([&] {
        go->wait();
        ran->raise();
    });
    sleeper.stop();
    go->raise();
    EXPECT_FALSE(ran->raised());
    sleeper.cont();
    ran->wait();
    EXPECT_EQ(sleeper.wait_exit(), 0);
}

TEST(Child, FailsTheTestOfItsParentWhenACheckFailsInIt) {
    watchdog guard{20s};
    auto failing = fork_child([] {
        ADD_FAILURE() << "(this failure is wanted)";
        ::raise(SIGKILL);
    });
    EXPECT_NONFATAL_FAILURE(EXPECT_EQ(failing.wait_signal(), SIGKILL), "1 checks failed in child");
}

TEST(Child, ExitsNonZeroWhenACheckFailsInIt) {
    watchdog guard{20s};
    auto failing = fork_child([] { ADD_FAILURE() << "(this failure is wanted)"; });
    EXPECT_NONFATAL_FAILURE(EXPECT_EQ(failing.wait_exit(), failed_in_child), "1 checks failed in child");
}

TEST(Child, FailsTheTestOfItsParentWhenAnExceptionEscapesIt) {
    watchdog guard{20s};
    auto failing = fork_child([] { throw std::runtime_error("this exception is wanted"); });
    EXPECT_NONFATAL_FAILURE(EXPECT_EQ(failing.wait_exit(), failed_in_child), "1 checks failed in child");
}

TEST(Child, DiesWithTheProcessThatForkedIt) {
    watchdog guard{20s};
    shared<flag> up;
    std::array<int, 2> pipe_ends{};
    ASSERT_EQ(::pipe(pipe_ends.data()), 0);
    auto parent = fork_child([&] {
        auto grandchild = fork_child([&] {
            up->raise();
            for (;;) ::pause();
        });
        for (;;) ::pause();
    });
    up->wait();
    ::close(pipe_ends[1]);
    EXPECT_TRUE(parent.kill());
    char byte = 0;
    EXPECT_EQ(::read(pipe_ends[0], &byte, 1), 0) << "the last writer, the grandchild, is gone";
    ::close(pipe_ends[0]);
}

TEST(Watchdog, EndsAProcessThatHangs) {
    watchdog guard{60s};
    auto hangs = fork_child([] {
        const watchdog inner{1s};
        flag never;
        never.wait();
    });
    EXPECT_EQ(hangs.wait_signal(), SIGABRT);
}

TEST(Watchdog, LetsAProcessBeThatIsDoneInTime) {
    watchdog guard{60s};
    in_child([] {
        { const watchdog inner{1s}; }
        std::this_thread::sleep_for(1100ms * slowness);
    });
}

TEST(Watchdog, RemovesTheSegmentsOfTheProcessThatItEnds) {
    watchdog guard{60s};
    const std::string path = path_of(unique_name("left"));
    auto hangs = fork_child([&] {
        remember_file(path.c_str());
        if (FILE* file = std::fopen(path.c_str(), "w")) std::fclose(file);
        const watchdog inner{1s};
        flag never;
        never.wait();
    });
    EXPECT_EQ(hangs.wait_signal(), SIGABRT);
    EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST(Barrier, LetsProcessesAndThreadsThroughTogetherOverAndOver) {
    watchdog guard{20s};
    constexpr int kRounds = 1000;
    shared<barrier> line{3U};
    shared<std::atomic<int>> steps{0};
    const auto walk = [&] {
        for (int i = 0; i < kRounds; ++i) {
            steps->fetch_add(1);
            line->arrive_and_wait();
            EXPECT_GE(steps->load(), 3 * (i + 1));
            line->arrive_and_wait();
        }
    };
    auto other = fork_child(walk);
    std::thread third(walk);
    walk();
    third.join();
    EXPECT_EQ(other.wait_exit(), 0);
    EXPECT_EQ(steps->load(), 3 * kRounds);
}

TEST(Tally, WakesWhoWaitsForTheNumber) {
    watchdog guard{20s};
    shared<tally> count;
    auto adder = fork_child([&] {
        for (int i = 0; i < 100; ++i) count->add();
    });
    count->wait_for(100);
    EXPECT_EQ(count->value(), 100U);
    EXPECT_EQ(adder.wait_exit(), 0);
}

}  // namespace
}  // namespace shmsem::test
