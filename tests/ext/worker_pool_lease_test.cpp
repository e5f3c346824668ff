#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "shmsem/worker_pool.hpp"
#include "support/shmsem_test.hpp"

// What the pool promises about semaphores: a worker that is restarted finds what its earlier life held free.

namespace shmsem {
namespace {

using namespace std::chrono_literals;
using context = worker_pool::context;

TEST(WorkerPoolLeases, OfADeadWorkerCanBeGrantedToItsNextLife) {
    test::watchdog guard{60s};
    test::test_segment home;
    // For ever: only the death of the holder gives it back.
    auto one = home->semaphore("one", {.permits = 1, .ttl = forever});
    test::shared<std::array<std::atomic<std::uint64_t>, 4>> tokens;
    worker_pool pool({.workers = 1, .initial_backoff = 1ns}, [&](int, const context& c) {
        const auto held = one.acquire();
        (*tokens)[static_cast<std::size_t>(c.life())] = held.token();
        return c.life() < 3 ? ::raise(SIGKILL) : 0;
    });
    EXPECT_EQ(pool.run(), 0);
    for (std::size_t i = 1; i < 4; ++i) EXPECT_GT((*tokens)[i].load(), (*tokens)[i - 1].load());
    EXPECT_TRUE(one.try_acquire());
}

TEST(WorkerPoolLeases, ArePassedOnAtOnceToTheOtherWorkers) {
    test::watchdog guard{60s};
    test::test_segment home;
    auto one = home->semaphore("one", {.permits = 1, .ttl = forever});
    test::shared<test::tally> held;
    // Index 0 dies with it; index 1 waits for it meanwhile.
    worker_pool pool({.workers = 2, .restart = restart_policy::never}, [&](int index, const context&) {
        if (index == 0) {
            const auto mine = one.acquire();
            held->add();
            if (!test::queued(one, 1)) return 1;
            ::raise(SIGKILL);
        }
        held->wait_for(1);
        const auto mine = one.acquire();
        held->add();
        return 0;
    });
    pool.run();
    EXPECT_EQ(held->value(), 2U);
    for (const worker_exit& e : pool.exits()) EXPECT_EQ(e.status, e.index == 0 ? SIGKILL : 0);
}

}  // namespace
}  // namespace shmsem
