#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "shmsem/worker_pool.hpp"
#include "support/shmsem_test.hpp"
#include "support/worker_pids.hpp"

// How a pool comes to its end: drain, stop, signals, destructor, death of the parent.

namespace shmsem {
namespace {

using namespace std::chrono_literals;
using test::shared;
using test::tally;
using test::watchdog;
using context = worker_pool::context;

int until_told(const context& c) {
    while (!c.stopping()) std::this_thread::sleep_for(1ms);
    return 0;
}

[[noreturn]] void for_ever() {
    for (;;) ::pause();
}

TEST(WorkerPoolDrain, LetsEveryWorkerFinishAndRestartsNone) {
    watchdog guard{60s};
    shared<tally> up;
    worker_pool pool({.workers = 4, .restart = restart_policy::always}, [&](int, const context& c) {
        up->add();
        return until_told(c);
    });
    pool.start();
    up->wait_for(4);
    pool.drain();
    while (pool.poll(1h)) {
    }
    EXPECT_EQ(pool.restarts(), 0U);
    ASSERT_EQ(pool.exits().size(), 4U);
    for (const worker_exit& e : pool.exits()) EXPECT_TRUE(!e.signalled && e.status == 0);
    EXPECT_TRUE(test::all_gone(pool));
}

TEST(WorkerPoolDrain, DropsARestartThatIsNotDueYet) {
    watchdog guard{60s};
    worker_pool pool({.workers = 1, .initial_backoff = 24h, .max_backoff = 24h}, [](int, const context&) { return 1; });
    pool.start();
    while (pool.exits().empty()) ASSERT_TRUE(pool.poll(1h));
    EXPECT_TRUE(pool.poll(0ns)) << "a restart is still to come";
    pool.drain();
    EXPECT_FALSE(pool.poll(24h));
}

TEST(WorkerPoolDrain, WakesAPollThatSleepsOnAnotherThread) {
    watchdog guard{60s};
    worker_pool pool({.workers = 1, .initial_backoff = 24h, .max_backoff = 24h}, [](int, const context&) { return 1; });
    pool.start();
    while (pool.exits().empty()) ASSERT_TRUE(pool.poll(1h));
    const pid_t self = ::gettid();
    std::thread other([&] {
        while (!test::sleeps(self)) std::this_thread::yield();
        pool.drain();
    });
    while (pool.poll(24h)) {
    }
    other.join();
}

TEST(WorkerPoolDrain, IsHeardWhenAWorkerAsksForIt) {
    watchdog guard{60s};
    std::unique_ptr<worker_pool> pool;
    pool = std::make_unique<worker_pool>(worker_pool_options{.workers = 2, .initial_backoff = 24h, .max_backoff = 24h},
                                         [&](int index, const context& c) {
                                             if (index == 0) return 1;  // would be restarted tomorrow
                                             pool->drain();
                                             return until_told(c);
                                         });
    EXPECT_EQ(pool->run(), 1);
    EXPECT_EQ(pool->restarts(), 0U);
}

TEST(WorkerPoolDrain, BeforeTheStartStartsNobody) {
    watchdog guard{60s};
    worker_pool pool({.workers = 2}, [](int, const context&) { return 0; });
    pool.drain();
    EXPECT_EQ(pool.run(), 1) << "no index has ended with status 0";
    EXPECT_TRUE(pool.exits().empty());
}

TEST(WorkerPoolStop, EndsWorkersBySigterm) {
    watchdog guard{60s};
    shared<tally> up;
    worker_pool pool({.workers = 3, .stop_timeout = 24h}, [&](int, const context&) -> int {
        up->add();
        for_ever();
    });
    pool.start();
    up->wait_for(3);
    pool.stop();
    ASSERT_EQ(pool.exits().size(), 3U);
    for (const worker_exit& e : pool.exits()) EXPECT_TRUE(e.signalled && e.status == SIGTERM);
    EXPECT_TRUE(test::all_gone(pool));
    EXPECT_FALSE(pool.poll(1h));
    pool.stop();
}

TEST(WorkerPoolStop, KillsAWorkerThatIgnoresSigterm) {
    watchdog guard{60s};
    shared<tally> up;
    worker_pool pool({.workers = 2, .stop_timeout = 50ms}, [&](int index, const context&) -> int {
        if (index == 1) ::signal(SIGTERM, SIG_IGN);
        up->add();
        for_ever();
    });
    pool.start();
    up->wait_for(2);
    pool.stop();
    ASSERT_EQ(pool.exits().size(), 2U);
    for (const worker_exit& e : pool.exits()) {
        EXPECT_TRUE(e.signalled);
        EXPECT_EQ(e.status, e.index == 1 ? SIGKILL : SIGTERM);
    }
    EXPECT_TRUE(test::all_gone(pool));
}

TEST(WorkerPoolStop, KillsAStoppedWorkerToo) {
    watchdog guard{60s};
    worker_pool pool({.workers = 1, .stop_timeout = 1ms}, [&](int, const context&) -> int {
        ::raise(SIGSTOP);
        for_ever();
    });
    pool.start();
    siginfo_t stopped{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pool.pid(0)), &stopped, WSTOPPED), 0);
    pool.stop();
    ASSERT_EQ(pool.exits().size(), 1U);
    EXPECT_EQ(pool.exits()[0].status, SIGKILL);
}

TEST(WorkerPoolStop, DropsARestartThatIsNotDueYet) {
    watchdog guard{60s};
    worker_pool pool({.workers = 1, .initial_backoff = 24h, .max_backoff = 24h}, [](int, const context&) { return 1; });
    pool.start();
    while (pool.exits().empty()) ASSERT_TRUE(pool.poll(1h));
    pool.stop();
    EXPECT_FALSE(pool.poll(24h));
}

TEST(WorkerPoolDestructor, LeavesNoProcessBehind) {
    watchdog guard{60s};
    shared<tally> up;
    std::array<pid_t, 3> pids{};
    {
        worker_pool pool({.workers = 3, .stop_timeout = 50ms}, [&](int index, const context&) -> int {
            if (index == 0) ::signal(SIGTERM, SIG_IGN);
            up->add();
            for_ever();
        });
        pool.start();
        up->wait_for(3);
        for (int i = 0; i < 3; ++i) pids[static_cast<std::size_t>(i)] = pool.pid(i);
    }
    for (const pid_t pid : pids) EXPECT_TRUE(test::gone(pid));
    {
        const worker_pool never_started({.workers = 2}, [](int, const context&) { return 0; });
    }
}

// The process under run() is a child of the test's, so that handlers and signals are its own.
class WorkerPoolRun : public ::testing::Test {
   protected:
    watchdog guard{60s};
    shared<tally> up;
};

TEST_F(WorkerPoolRun, DrainsOnSigterm) {
    test::in_child([&] {
        worker_pool pool({.workers = 3, .restart = restart_policy::always}, [&](int index, const context& c) {
            up->add();
            up->wait_for(3);
            if (index == 0) ::kill(::getppid(), SIGTERM);
            return until_told(c);
        });
        EXPECT_EQ(pool.run(), 0);
        EXPECT_EQ(pool.exits().size(), 3U);
        for (const worker_exit& e : pool.exits()) EXPECT_TRUE(!e.signalled && e.status == 0);
    });
}

TEST_F(WorkerPoolRun, StopsOnASecondSigterm) {
    test::in_child([&] {
        worker_pool pool({.workers = 2}, [&](int index, const context& c) -> int {
            if (index == 0) {
                ::kill(::getppid(), SIGTERM);
                until_told(c);  // so the first has been acted on, and the two are not merged into one
                ::kill(::getppid(), SIGTERM);
            }
            for_ever();
        });
        EXPECT_EQ(pool.run(), 1);
        ASSERT_EQ(pool.exits().size(), 2U);
        for (const worker_exit& e : pool.exits()) EXPECT_TRUE(e.signalled && e.status == SIGTERM);
    });
}

TEST_F(WorkerPoolRun, StopsOnSigint) {
    test::in_child([&] {
        worker_pool pool({.workers = 2, .restart = restart_policy::always}, [&](int index, const context&) -> int {
            up->add();
            up->wait_for(2);
            if (index == 0) ::kill(::getppid(), SIGINT);
            for_ever();
        });
        EXPECT_EQ(pool.run(), 1);
        ASSERT_EQ(pool.exits().size(), 2U);
        for (const worker_exit& e : pool.exits()) EXPECT_TRUE(e.signalled && e.status == SIGTERM);
        EXPECT_TRUE(test::all_gone(pool));
    });
}

TEST_F(WorkerPoolRun, HearsASignalThatItsCallerHadBlockedAndPutsMaskAndHandlersBack) {
    test::in_child([&] {
        static std::atomic<int> mine{0};
        struct sigaction before {};
        before.sa_handler = [](int) { mine.fetch_add(1); };
        ::sigaction(SIGTERM, &before, nullptr);
        ::signal(SIGINT, SIG_IGN);
        sigset_t term;
        ::sigemptyset(&term);
        ::sigaddset(&term, SIGTERM);
        ::pthread_sigmask(SIG_BLOCK, &term, nullptr);

        worker_pool pool({.workers = 1}, [&](int, const context& c) {
            ::kill(::getppid(), SIGTERM);
            return until_told(c);
        });
        EXPECT_EQ(pool.run(), 0);
        EXPECT_EQ(mine.load(), 0);

        struct sigaction after {};
        ::sigaction(SIGTERM, nullptr, &after);
        EXPECT_EQ(after.sa_handler, before.sa_handler);
        ::sigaction(SIGINT, nullptr, &after);
        EXPECT_EQ(after.sa_handler, SIG_IGN);
        sigset_t mask;
        ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        EXPECT_EQ(sigismember(&mask, SIGTERM), 1);
        EXPECT_EQ(sigismember(&mask, SIGINT), 0);
    });
}

TEST_F(WorkerPoolRun, LeavesSignalsAloneWhenToldSo) {
    test::in_child([&] {
        static std::atomic<int> mine{0};
        struct sigaction action {};
        action.sa_handler = [](int) { mine.fetch_add(1); };
        ::sigaction(SIGTERM, &action, nullptr);
        worker_pool pool({.workers = 1, .handle_signals = false}, [&](int, const context& c) {
            ::kill(::getppid(), SIGTERM);
            return c.stopping() ? 1 : 0;
        });
        EXPECT_EQ(pool.run(), 0);
        EXPECT_EQ(mine.load(), 1);
    });
}

TEST_F(WorkerPoolRun, DrainsEveryPoolOfTheProcessOnSigterm) {
    test::in_child([&] {
        std::array<int, 2> results{-1, -1};
        const auto run_one = [&](std::size_t which) {
            worker_pool pool({.workers = 2, .restart = restart_policy::always}, [&](int, const context& c) {
                up->add();
                return until_told(c);
            });
            results[which] = pool.run();
        };
        std::thread first([&] { run_one(0); });
        std::thread second([&] { run_one(1); });
        up->wait_for(4);
        ::kill(::getpid(), SIGTERM);
        first.join();
        second.join();
        EXPECT_EQ(results, (std::array{0, 0}));
        struct sigaction after {};
        ::sigaction(SIGTERM, nullptr, &after);
        EXPECT_EQ(after.sa_handler, SIG_DFL);
    });
}

TEST_F(WorkerPoolRun, OfOnePoolEndsWithoutTakingTheOthersHandlersAway) {
    test::in_child([&] {
        // One pool runs all through; others come and go meanwhile.
        std::optional<int> result;
        std::thread other([&] {
            worker_pool lasting({.workers = 1, .restart = restart_policy::always}, [&](int, const context& c) {
                up->add();
                return until_told(c);
            });
            result = lasting.run();
        });
        up->wait_for(1);
        for (int i = 0; i < 5; ++i) {
            worker_pool brief({.workers = 1}, [](int, const context&) { return 0; });
            EXPECT_EQ(brief.run(), 0);
        }
        ::kill(::getpid(), SIGTERM);
        other.join();
        EXPECT_EQ(result, 0);
    });
}

TEST(WorkerPoolParent, TakesItsWorkersAlongWhenItIsKilled) {
    watchdog guard{60s};
    // Orphans come to this process, which can then see how they ended.
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    shared<std::array<std::atomic<pid_t>, 3>> pids;
    shared<tally> up;
    auto parent = test::fork_child([&] {
        worker_pool pool({.workers = 3}, [&](int index, const context&) -> int {
            ::signal(SIGTERM, SIG_IGN);
            (*pids)[static_cast<std::size_t>(index)] = ::getpid();
            up->add();
            for_ever();
        });
        pool.run();
    });
    up->wait_for(3);
    EXPECT_TRUE(parent.kill());
    for (const auto& pid : *pids) {
        int status = 0;
        ASSERT_EQ(::waitpid(pid.load(), &status, 0), pid.load());
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

}  // namespace
}  // namespace shmsem
