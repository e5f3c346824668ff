#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "crash/actors.hpp"

// All the ways in which a process can end or stop being itself while it holds a lease, and some that only look like an end.

extern char** environ;

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

struct way_to_end {
    const char* name;
    void (*end)();
};

std::string name_of(const ::testing::TestParamInfo<way_to_end>& info) { return info.param.name; }

class ProcessEnds : public ::testing::TestWithParam<way_to_end> {
   protected:
    /// Its lease is never destroyed: nothing but the end of the process gives the permit back.
    child holder_that_ends(bool in_a_thread) {
        return fork_child([this, in_a_thread] {
            segment home = set.open();
            auto* held = new lease(home.find(scene::permits).acquire());
            (void)held->token();
            holds->raise();
            go->wait();
            std::signal(SIGABRT, SIG_DFL);
            std::signal(SIGSEGV, SIG_DFL);
            if (in_a_thread) {
                std::thread(GetParam().end).join();
            } else {
                GetParam().end();
            }
        });
    }
    static void wait_gone(child& process) {
        // By whatever signal or status; the child object only wants to know of those that a test expects.
        siginfo_t info{};
        EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(process.pid()), &info, WEXITED | WNOWAIT), 0);
    }

    scene set;
    shared<flag> holds;
    shared<flag> go;
};

TEST_P(ProcessEnds, WithoutReleasingAndTheWaiterGetsThePermit) {
    watchdog guard{120s};
    auto first = holder_that_ends(false);
    holds->wait();
    waiter next(set);
    go->raise();
    wait_gone(first);
    EXPECT_TRUE(next.granted());
    next.done();
    expect_whole(set);
}

TEST_P(ProcessEnds, FromAnotherThreadWithoutReleasingAndTheWaiterGetsThePermit) {
    watchdog guard{120s};
    auto first = holder_that_ends(true);
    holds->wait();
    waiter next(set);
    go->raise();
    wait_gone(first);
    EXPECT_TRUE(next.granted());
    next.done();
    expect_whole(set);
}

void overwrite_nothing() {
    int* volatile nowhere = nullptr;
    *nowhere = 1;
}

// Sanitizers turn a segmentation fault into an exit, and look for leaks at exit(); both are ends like any other.
INSTANTIATE_TEST_SUITE_P(By, ProcessEnds,
                         ::testing::Values(way_to_end{"Exit", [] { std::exit(0); }},
                                           way_to_end{"ImmediateExit", [] { ::_exit(0); }},
                                           way_to_end{"QuickExit", [] { std::quick_exit(0); }},
                                           way_to_end{"Abort", [] { std::abort(); }},
                                           way_to_end{"SegmentationFault", overwrite_nothing},
                                           way_to_end{"Termination", [] { ::raise(SIGTERM); }},
                                           way_to_end{"Kill", [] { ::kill(::getpid(), SIGKILL); }}),
                         name_of);

std::string command_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
    std::string name;
    std::getline(file, name);
    return name;
}

class ProcessExecs : public ::testing::TestWithParam<bool> {};

TEST_P(ProcessExecs, AnotherProgramAndItsPermitIsGrantedWhileThatRuns) {
    watchdog guard{120s};
    scene set;
    shared<flag> holds;
    shared<flag> go;
    std::array<int, 2> input{};
    ASSERT_EQ(::pipe(input.data()), 0);
    auto first = fork_child([&] {
        segment home = set.open();
        const lease held = home.find(scene::permits).acquire();
        holds->raise();
        go->wait();
        ::dup2(input[0], STDIN_FILENO);
        const auto exec = [] { ::execl("/bin/cat", "cat", static_cast<char*>(nullptr)); };
        if (GetParam()) {
            std::thread(exec).join();
        } else {
            exec();
        }
        ADD_FAILURE() << "exec failed";
    });
    holds->wait();
    waiter next(set);
    go->raise();
    EXPECT_TRUE(next.granted());
    EXPECT_TRUE(eventually([&] { return command_of(first.pid()) == "cat"; }));
    EXPECT_EQ(::kill(first.pid(), 0), 0) << "the program should have lived on";
    EXPECT_TRUE(first.kill());
    ::close(input[0]);
    ::close(input[1]);
    next.done();
    expect_whole(set);
}

std::string thread_name(const ::testing::TestParamInfo<bool>& info) {
    return info.param ? "AnotherThread" : "TheMainThread";
}

INSTANTIATE_TEST_SUITE_P(From, ProcessExecs, ::testing::Bool(), thread_name);

TEST(ProcessSpawns, AnotherProgramAndKeepsItsPermit) {
    watchdog guard{120s};
    scene set;
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine = permits.acquire();
        for (int i = 0; i < 3; ++i) {
            // The spawned child shares this process's memory until it execs: no page is wiped, and no list is walked.
            pid_t pid = 0;
            std::array<char, 5> name{"true"};
            std::array<char*, 2> arguments{name.data(), nullptr};
            ASSERT_EQ(::posix_spawn(&pid, "/bin/true", nullptr, nullptr, arguments.data(), environ), 0);
            int status = 0;
            ASSERT_EQ(::waitpid(pid, &status, 0), pid);
            EXPECT_EQ(status, 0);
        }
        in_child([&] {
            segment other = set.open();
            EXPECT_EQ(other.reap(), 0U);
            EXPECT_FALSE(other.find(scene::permits).try_acquire());
        });
        EXPECT_TRUE(mine.valid());
        EXPECT_TRUE(mine.release());
    });
    expect_whole(set);
}

/// What another process finds while the lease's process lives: nothing to reap, and nothing to take.
void expect_still_held(const scene& set) {
    in_child([&] {
        segment home = set.open();
        EXPECT_EQ(home.reap(), 0U);
        EXPECT_FALSE(home.find(scene::permits).try_acquire());
        for (const auto& one : home.inspect().processes) EXPECT_EQ(one.life, "alive");
    });
}

TEST(ThreadEnds, ThatAcquiredAndThePermitStaysWithTheProcess) {
    watchdog guard{120s};
    scene set;
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine;
        std::thread([&] { mine = permits.acquire(); }).join();
        expect_still_held(set);
        EXPECT_TRUE(mine.valid());
        EXPECT_TRUE(mine.renew());
        std::thread([&] { EXPECT_TRUE(mine.release()); }).join();
    });
    expect_whole(set);
}

TEST(ThreadEnds, ThatWasTheFirstToUseTheLibraryAndTheOthersGoOn) {
    watchdog guard{120s};
    scene set;
    in_child([&] {
        segment home;
        std::thread([&] {
            home = set.open();
            EXPECT_TRUE(home.find(scene::permits).acquire().release());
        }).join();
        lease mine = home.find(scene::permits).acquire();
        expect_still_held(set);
        EXPECT_TRUE(mine.release());
    });
    expect_whole(set);
}

TEST(ThreadEnds, ThatGotItsPermitByWaitingAndThePermitStaysWithTheProcess) {
    watchdog guard{120s};
    scene set;
    holder first(set);
    shared<flag> served;
    shared<flag> go;
    auto process = fork_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine;
        std::thread([&] { mine = permits.acquire(); }).join();
        served->raise();
        go->wait();
        EXPECT_TRUE(mine.release());
    });
    ASSERT_TRUE(set.queued(1));
    first.let_go();
    served->wait();
    expect_still_held(set);
    go->raise();
    EXPECT_EQ(process.wait_exit(), 0);
    expect_whole(set);
}

TEST(MainThreadEnds, WhileOthersLiveAndThePermitStays) {
    watchdog guard{120s};
    scene set;
    shared<flag> main_has_gone;
    shared<flag> holds;
    shared<flag> go;
    auto process = fork_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        auto* mine = new lease(permits.acquire());
        std::thread([&, mine] {
            main_has_gone->wait();
            EXPECT_TRUE(mine->valid());
            holds->raise();
            go->wait();
            EXPECT_TRUE(mine->release());
            // The rest of the process serves as well as the whole did.
            auto again = permits.try_acquire_for(liveness_bound);
            EXPECT_TRUE(again);
            again.reset();
            delete mine;
            ::_exit(::testing::Test::HasFailure() ? failed_in_child : 0);
        }).detach();
        ::syscall(SYS_exit, 0);  // the thread alone; pthread_exit() does the same after unwinding
    });
    const std::string status = "/proc/" + std::to_string(process.pid()) + "/status";
    EXPECT_TRUE(eventually([&] {
        std::ifstream file(status);
        for (std::string line; std::getline(file, line);) {
            if (line.rfind("State:", 0) == 0) return line.find('Z') != std::string::npos;
        }
        return false;
    }));
    main_has_gone->raise();
    holds->wait();
    expect_still_held(set);
    go->raise();
    EXPECT_EQ(process.wait_exit(), 0);
    expect_whole(set);
}

TEST(MainThreadEnds, AndTheProcessIsKilledLaterAndThePermitComesBack) {
    watchdog guard{120s};
    scene set;
    shared<flag> holds;
    auto process = fork_child([&] {
        segment home = set.open();
        auto* mine = new lease(home.find(scene::permits).acquire());
        (void)mine->token();
        std::thread([&] {
            holds->raise();
            for (;;) ::pause();
        }).detach();
        ::syscall(SYS_exit, 0);
    });
    holds->wait();
    waiter next(set);
    EXPECT_TRUE(process.kill());
    EXPECT_TRUE(next.granted());
    next.done();
    expect_whole(set);
}

}  // namespace
}  // namespace shmsem::test
