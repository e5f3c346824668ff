#include "shmsem/worker_pool.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <limits>

#include "shmsem/errors.hpp"
#include "support/clock_shift.hpp"
#include "support/shmsem_test.hpp"
#include "support/worker_pids.hpp"

// Lives of workers: statuses, restarts, back-off, policies, bad options. How a pool ends is in worker_pool_end_test.cpp, what a
// worker inherits in worker_pool_fork_test.cpp.

namespace shmsem {
namespace {

using namespace std::chrono_literals;
using test::shared;
using test::tally;
using test::watchdog;

std::error_code refusal_of(const worker_pool_options& options) {
    try {
        const worker_pool pool(options, [](int, const auto&) { return 0; });
    } catch (const error& e) {
        return e.code();
    }
    return {};
}

TEST(WorkerPool, RunsEveryIndexOnceWhenAllEndWell) {
    watchdog guard{60s};
    shared<std::array<std::atomic<int>, 5>> ran;
    worker_pool pool({.workers = 5}, [&](int index, const auto& context) {
        (*ran)[static_cast<std::size_t>(index)].fetch_add(1 + context.life());
        return 0;
    });
    EXPECT_EQ(pool.run(), 0);
    for (const auto& times : *ran) EXPECT_EQ(times.load(), 1);
    EXPECT_EQ(pool.restarts(), 0U);
    EXPECT_EQ(pool.exits().size(), 5U);
    EXPECT_EQ(pool.running(), 0);
    EXPECT_TRUE(test::all_gone(pool));
}

TEST(WorkerPool, ReportsEveryExitStatus) {
    watchdog guard{60s};
    constexpr std::array<int, 7> results{0, 3, 70, 255, 256, -1, std::numeric_limits<int>::min()};
    constexpr std::array<int, 7> expected{0, 3, 70, 255, 255, 255, 255};
    worker_pool pool({.workers = 7, .restart = restart_policy::never},
                     [&](int index, const auto&) { return results[static_cast<std::size_t>(index)]; });
    EXPECT_EQ(pool.run(), 1);
    ASSERT_EQ(pool.exits().size(), 7U);
    for (const worker_exit& e : pool.exits()) {
        EXPECT_FALSE(e.signalled);
        EXPECT_EQ(e.status, expected[static_cast<std::size_t>(e.index)]) << "worker " << e.index;
        EXPECT_GE(e.lived, 0ns);
    }
}

TEST(WorkerPool, ReportsTheSignalThatKilledAWorker) {
    watchdog guard{60s};
    worker_pool pool({.workers = 1, .restart = restart_policy::never}, [](int, const auto&) { return ::raise(SIGUSR2); });
    EXPECT_EQ(pool.run(), 1);
    ASSERT_EQ(pool.exits().size(), 1U);
    EXPECT_TRUE(pool.exits()[0].signalled);
    EXPECT_EQ(pool.exits()[0].status, SIGUSR2);
}

TEST(WorkerPool, RestartsAWorkerThatIsKilledFromOutside) {
    watchdog guard{60s};
    shared<tally> up;
    worker_pool pool({.workers = 3}, [&](int index, const auto& context) {
        up->add();
        if (index == 1 && context.life() < 2) {
            for (;;) ::pause();
        }
        return 0;
    });
    pool.start();
    for (std::uint32_t life = 0; life < 2; ++life) {
        up->wait_for(3 + life);  // the first lives of all three, and the second of the victim
        const pid_t victim = pool.pid(1);
        ASSERT_GT(victim, 0);
        ASSERT_EQ(::kill(victim, SIGKILL), 0);
        while (pool.pid(1) == victim || pool.pid(1) == 0) ASSERT_TRUE(pool.poll(1h));
    }
    while (pool.poll(1h)) {
    }
    EXPECT_EQ(pool.restarts(), 2U);
    std::array<int, 3> lives{};
    for (const worker_exit& e : pool.exits()) {
        EXPECT_EQ(e.life, lives[static_cast<std::size_t>(e.index)]++);
        EXPECT_EQ(e.signalled, e.index == 1 && e.life < 2);
        EXPECT_EQ(e.status, e.signalled ? SIGKILL : 0);
    }
    EXPECT_EQ(lives, (std::array{1, 3, 1}));
    EXPECT_TRUE(test::all_gone(pool));
}

TEST(WorkerPool, WaitsTwiceAsLongBeforeEachRestartUpToTheMaximum) {
    watchdog guard{60s};
    constexpr int kLives = 7;
    constexpr auto kInitial = 2ms;
    constexpr auto kMax = 20ms;
    shared<std::array<std::chrono::steady_clock::time_point, kLives>> begun;
    shared<std::array<std::chrono::steady_clock::time_point, kLives>> ended;
    worker_pool pool({.workers = 1, .initial_backoff = kInitial, .max_backoff = kMax, .max_restarts = kLives - 1},
                     [&](int, const auto& context) {
                         const auto life = static_cast<std::size_t>(context.life());
                         (*begun)[life] = std::chrono::steady_clock::now();
                         (*ended)[life] = std::chrono::steady_clock::now();
                         return 1;
                     });
    EXPECT_EQ(pool.run(), 1);
    EXPECT_EQ(pool.exits().size(), std::size_t{kLives});
    std::chrono::nanoseconds wait = kInitial;
    for (std::size_t life = 1; life < kLives; ++life) {
        EXPECT_GE((*begun)[life] - (*ended)[life - 1], wait) << "before life " << life;
        wait = std::min<std::chrono::nanoseconds>(2 * wait, kMax);
    }
}

TEST(WorkerPool, DoesNotRestartBeforeItsTimeHoweverOftenItIsPolled) {
    watchdog guard{60s};
    test::clock_shift time;
    shared<tally> lives;
    worker_pool pool({.workers = 1, .initial_backoff = 1h, .max_backoff = 4h}, [&](int, const auto&) {
        lives->add();
        return 1;
    });
    pool.start();
    for (std::uint32_t n = 1; n <= 4; ++n) {  // before the restarts: 1 h, 2 h, 4 h, 4 h
        while (pool.exits().size() < n) ASSERT_TRUE(pool.poll(1h));
        const auto wait = std::min<std::chrono::hours>(1h * (1 << (n - 1)), 4h);
        time.forward(wait - 1min);
        for (int i = 0; i < 100; ++i) ASSERT_TRUE(pool.poll(0ns));
        EXPECT_EQ(pool.restarts(), n - 1);
        EXPECT_EQ(pool.pid(0), 0);
        time.forward(2min);
        ASSERT_TRUE(pool.poll(0ns));
        EXPECT_EQ(pool.restarts(), n);
        lives->wait_for(n + 1);
    }
}

TEST(WorkerPool, BeginsTheBackOffAgainAfterALifeThatWasLongEnough) {
    watchdog guard{60s};
    // Without the reset the 30th restart would come after 2^29 ms, 6 days.
    worker_pool pool(
        {.workers = 1, .initial_backoff = 1ms, .max_backoff = 24h * 30, .healthy_after = 1ns, .max_restarts = 30},
        [](int, const auto&) { return 1; });
    EXPECT_EQ(pool.run(), 1);
    EXPECT_EQ(pool.restarts(), 30U);
}

TEST(WorkerPool, GivesAnIndexUpAfterItsLastRestart) {
    watchdog guard{60s};
    worker_pool pool({.workers = 2, .initial_backoff = 1ns, .max_backoff = 1ms, .max_restarts = 3},
                     [](int index, const auto& context) { return index == 0 || context.life() >= 3 ? 0 : 9; });
    EXPECT_EQ(pool.run(), 0) << "the last life of each ended with status 0";
    EXPECT_EQ(pool.restarts(), 3U);

    worker_pool failing({.workers = 2, .initial_backoff = 1ns, .max_backoff = 1ms, .max_restarts = 3},
                        [](int index, const auto&) { return index == 0 ? 0 : 9; });
    EXPECT_EQ(failing.run(), 1);
    EXPECT_EQ(failing.restarts(), 3U);
    EXPECT_EQ(failing.exits().size(), 5U);
}

TEST(WorkerPool, NeverRestartsWhenToldNever) {
    watchdog guard{60s};
    worker_pool pool({.workers = 2, .restart = restart_policy::never},
                     [](int index, const auto&) { return index == 0 ? 0 : ::raise(SIGKILL); });
    EXPECT_EQ(pool.run(), 1);
    EXPECT_EQ(pool.restarts(), 0U);
}

TEST(WorkerPool, AlwaysRestartsWhenToldAlwaysAlsoAfterSuccess) {
    watchdog guard{60s};
    worker_pool pool({.workers = 1, .restart = restart_policy::always, .initial_backoff = 1ns, .max_restarts = 4},
                     [](int, const auto&) { return 0; });
    EXPECT_EQ(pool.run(), 0);
    EXPECT_EQ(pool.restarts(), 4U);
}

TEST(WorkerPool, KnowsWhoRunsNow) {
    watchdog guard{60s};
    shared<test::flag> go;
    worker_pool pool({.workers = 2}, [&](int index, const auto&) {
        if (index == 1) go->wait();
        return 0;
    });
    EXPECT_EQ(pool.running(), 0);
    EXPECT_EQ(pool.pid(0), 0);
    EXPECT_FALSE(pool.poll(1h)) << "not started";
    pool.start();
    EXPECT_EQ(pool.running(), 2);
    EXPECT_EQ(::kill(pool.pid(1), 0), 0);
    while (pool.exits().empty()) ASSERT_TRUE(pool.poll(1h));
    EXPECT_EQ(pool.running(), 1);
    EXPECT_EQ(pool.pid(0), 0);
    EXPECT_NE(pool.pid(1), 0);
    EXPECT_TRUE(pool.poll(0ns));
    go->raise();
    while (pool.poll(1h)) {
    }
    EXPECT_EQ(pool.running(), 0);
    EXPECT_EQ(pool.pid(1), 0);
    EXPECT_EQ(pool.pid(-1), 0);
    EXPECT_EQ(pool.pid(2), 0);
    pool.start();
    EXPECT_EQ(pool.running(), 0) << "a pool starts once";
}

TEST(WorkerPool, RefusesOptionsThatCannotBeRight) {
    const auto invalid = make_error_code(errc::invalid_argument);
    EXPECT_EQ(refusal_of({.workers = 0}), invalid);
    EXPECT_EQ(refusal_of({.workers = -1}), invalid);
    EXPECT_EQ(refusal_of({.workers = 4097}), invalid);
    EXPECT_EQ(refusal_of({.restart = static_cast<restart_policy>(3)}), invalid);
    EXPECT_EQ(refusal_of({.initial_backoff = 0ns}), invalid);
    EXPECT_EQ(refusal_of({.initial_backoff = -1ns}), invalid);
    EXPECT_EQ(refusal_of({.initial_backoff = 2s, .max_backoff = 1s}), invalid);
    EXPECT_EQ(refusal_of({.healthy_after = -1ns}), invalid);
    EXPECT_EQ(refusal_of({.max_restarts = -2}), invalid);
    EXPECT_EQ(refusal_of({.stop_timeout = -1ns}), invalid);
    EXPECT_THROW(worker_pool({}, nullptr), error);
    EXPECT_EQ(refusal_of({.workers = 4096, .initial_backoff = 1s, .max_backoff = 1s, .max_restarts = 0}), std::error_code{});
}

}  // namespace
}  // namespace shmsem
