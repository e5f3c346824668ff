#include <algorithm>
#include <array>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "support/shmsem_test.hpp"

// The four ways to take a permit, each in its throwing and its error_code form, and the order in which they are served (I3).

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

class Acquire : public WithSegment {
   protected:
    semaphore one = home->semaphore("one");
    semaphore two = home->semaphore("two", {.permits = 2});

    static std::future<lease> waiting(semaphore on, acquire_options how = {}) {
        return std::async(std::launch::async, [on, how]() mutable { return on.acquire(how); });
    }
};

TEST_F(Acquire, GivesAValidLeaseOfOnePermitWhenOneIsFree) {
    lease held = one.acquire();
    EXPECT_TRUE(held);
    EXPECT_TRUE(held.valid());
    EXPECT_EQ(held.permits(), 1U);
    EXPECT_EQ(held.seat(), 0U);
    EXPECT_EQ(held.ticket(), 0U) << "taken without queueing";
    EXPECT_EQ(one.available(), 0U);
    EXPECT_EQ(one.stats().acquired, 1U);
    EXPECT_TRUE(held.release());
    EXPECT_EQ(one.available(), 1U);
}

TEST_F(Acquire, InEveryFormTakesAFreePermitAndClearsTheErrorCode) {
    const auto later = clock::now() + 1h;
    const auto check = [&](auto&& take) {
        std::error_code ec = std::make_error_code(std::errc::owner_dead);
        auto held = take(ec);
        EXPECT_FALSE(ec) << ec.message();
        EXPECT_TRUE(held);
        EXPECT_EQ(one.available(), 0U);
    };
    check([&](std::error_code& ec) { return one.acquire({}, ec); });
    check([&](std::error_code& ec) { return one.try_acquire({}, ec); });
    check([&](std::error_code& ec) { return one.try_acquire_for(1h, {}, ec); });
    check([&](std::error_code& ec) { return one.try_acquire_until(later, {}, ec); });
    const auto thrown = [&](auto&& take) {
        auto held = take();
        EXPECT_TRUE(held);
        EXPECT_EQ(one.available(), 0U);
    };
    thrown([&] { return one.acquire(); });
    thrown([&] { return one.try_acquire(); });
    thrown([&] { return one.try_acquire_for(1h); });
    thrown([&] { return one.try_acquire_until(later); });
    EXPECT_EQ(one.available(), 1U);
}

TEST_F(Acquire, WithoutWaitingGivesNothingWhenNoneIsFreeAndNoError) {
    auto held = one.acquire();
    EXPECT_FALSE(one.try_acquire());
    EXPECT_FALSE(code_from([&](auto& ec) { EXPECT_FALSE(one.try_acquire({}, ec)); }));
    EXPECT_FALSE(one.try_acquire_for(0ns));
    EXPECT_FALSE(one.try_acquire_for(-1h));
    EXPECT_FALSE(one.try_acquire_until(deadline::min()));
    EXPECT_FALSE(code_from([&](auto& ec) { EXPECT_FALSE(one.try_acquire_for(0ns, {}, ec)); }));
    EXPECT_FALSE(code_from([&](auto& ec) { EXPECT_FALSE(one.try_acquire_until(clock::now(), {}, ec)); }));
    EXPECT_EQ(one.stats().waiting, 0U);
}

TEST_F(Acquire, WithADeadlineThatHasPassedStillTakesAFreePermit) {
    EXPECT_TRUE(one.try_acquire_for(0ns));
    EXPECT_TRUE(one.try_acquire_for(-1h));
    EXPECT_TRUE(one.try_acquire_until(clock::now() - 1h));
    EXPECT_TRUE(one.try_acquire_until(deadline::min()));
}

TEST_F(Acquire, WithATimeoutNeverGivesUpBeforeIt) {
    auto held = one.acquire();
    for (const auto timeout : {1ms, 5ms, 20ms}) {
        const auto end = clock::now() + timeout;
        EXPECT_FALSE(one.try_acquire_until(end));
        EXPECT_GE(clock::now(), end);
        const auto start = clock::now();
        EXPECT_FALSE(one.try_acquire_for(timeout));
        EXPECT_GE(clock::now(), start + timeout);
    }
    EXPECT_EQ(one.stats().total_timed_out, 6U);
    EXPECT_EQ(one.stats().waiting, 0U);
}

TEST_F(Acquire, WithAnEndlessTimeoutWaitsForThePermit) {
    for (const duration timeout : {duration::max(), duration{max_ttl}}) {
        auto held = one.acquire();
        auto waiter = std::async(std::launch::async, [&] { return one.try_acquire_for(timeout); });
        ASSERT_TRUE(queued(one, 1));
        held.release();
        EXPECT_TRUE(waiter.get());
    }
    auto held = one.acquire();
    auto waiter = std::async(std::launch::async, [&] { return one.try_acquire_until(deadline::max()); });
    ASSERT_TRUE(queued(one, 1));
    held.release();
    EXPECT_TRUE(waiter.get());
}

TEST_F(Acquire, WaitsUntilAPermitIsReleasedAndThenHasATicket) {
    auto held = one.acquire();
    auto waiter = waiting(one);
    ASSERT_TRUE(queued(one, 1));
    held.release();
    lease got = waiter.get();
    EXPECT_TRUE(got.valid());
    EXPECT_NE(got.ticket(), 0U);
    EXPECT_EQ(one.stats().waiting, 0U);
    EXPECT_EQ(one.stats().total_granted, 1U);
}

TEST_F(Acquire, AcrossProcessesWaitsUntilAPermitIsReleased) {
    auto held = one.acquire();
    auto waiter = fork_child([&] {
        lease got = one.acquire();
        EXPECT_TRUE(got.valid());
        EXPECT_GT(got.token(), 0U);
    });
    ASSERT_TRUE(queued(one, 1));
    held.release();
    EXPECT_EQ(waiter.wait_exit(), 0);
    EXPECT_TRUE(one.acquire().valid());
}

TEST_F(Acquire, ServesWaitersInTheOrderInWhichTheyCame) {
    constexpr std::uint32_t kWaiters = 8;
    auto held = one.acquire();
    std::mutex lock;
    std::vector<std::uint32_t> served;
    std::vector<std::uint64_t> tickets;
    std::vector<std::jthread> waiters;
    for (std::uint32_t i = 0; i < kWaiters; ++i) {
        waiters.emplace_back([&, i] {
            lease mine = one.acquire();
            const std::lock_guard hold(lock);
            served.push_back(i);
            tickets.push_back(mine.ticket());
        });
        ASSERT_TRUE(queued(one, i + 1));
    }
    held.release();
    waiters.clear();
    EXPECT_EQ(served, (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6, 7}));
    EXPECT_TRUE(std::is_sorted(tickets.begin(), tickets.end()));
    EXPECT_EQ(one.stats().inversions, 0U);
}

TEST_F(Acquire, ServesProcessesInTheOrderInWhichTheyCame) {
    constexpr std::uint32_t kWaiters = 6;
    auto held = one.acquire();
    shared<tally> served;
    std::vector<child> waiters;
    for (std::uint32_t i = 0; i < kWaiters; ++i) {
        waiters.push_back(fork_child([&, i] {
            lease mine = one.acquire();
            EXPECT_EQ(served->value(), i);
            served->add();
        }));
        ASSERT_TRUE(queued(one, i + 1));
    }
    held.release();
    for (auto& waiter : waiters) EXPECT_EQ(waiter.wait_exit(), 0);
    EXPECT_EQ(served->value(), kWaiters);
}

TEST_F(Acquire, WithoutWaitingNeverOvertakesAWaiterEvenWhenAPermitIsFree) {
    auto first = two.acquire();
    auto second = two.acquire();
    auto waiter = waiting(two, {.permits = 2});
    ASSERT_TRUE(queued(two, 1));
    first.release();
    // One of the two that the waiter needs is free now, and it is the waiter's.
    EXPECT_FALSE(two.try_acquire());
    EXPECT_FALSE(two.try_acquire_for(0ns));
    EXPECT_FALSE(two.try_acquire_for(2ms));
    in_child([&] { EXPECT_FALSE(two.try_acquire()); });
    second.release();
    EXPECT_EQ(waiter.get().permits(), 2U);
    EXPECT_TRUE(two.try_acquire());
}

TEST_F(Acquire, QueuesANewcomerBehindAWaiterEvenWhenAPermitIsFree) {
    auto first = two.acquire();
    auto second = two.acquire();
    auto waiter = waiting(two, {.permits = 2});
    ASSERT_TRUE(queued(two, 1));
    first.release();
    auto newcomer = waiting(two);
    ASSERT_TRUE(queued(two, 2));
    second.release();
    lease both = waiter.get();
    EXPECT_EQ(both.permits(), 2U);
    EXPECT_EQ(two.stats().waiting, 1U);
    const auto ticket = both.ticket();
    both.release();
    EXPECT_GT(newcomer.get().ticket(), ticket);
}

TEST_F(Acquire, TimedOutLeavesNoTraceAndDelaysNobody) {
    auto held = one.acquire();
    auto first = waiting(one);
    ASSERT_TRUE(queued(one, 1));
    auto gives_up = std::async(std::launch::async, [&] { return one.try_acquire_for(20ms); });
    EXPECT_FALSE(gives_up.get());
    auto last = waiting(one);
    ASSERT_TRUE(queued(one, 2));
    EXPECT_TRUE(invariants_hold(*home));
    EXPECT_EQ(one.inspect().waiters.size(), 2U);
    held.release();
    first.get().release();
    EXPECT_TRUE(last.get().valid());
    EXPECT_EQ(one.stats().total_timed_out, 1U);
    EXPECT_EQ(one.stats().inversions, 0U);
}

TEST_F(Acquire, OfMoreThanThereAreOrOfNothingIsAnInvalidArgumentAtOnce) {
    auto held = one.acquire();  // so that a call that queued would be noticed by the watchdog
    for (const std::int64_t n : std::initializer_list<std::int64_t>{0, -1, 2, 1LL << 40, INT64_MIN, INT64_MAX}) {
        SCOPED_TRACE(n);
        const acquire_options how{.permits = n};
        expect_both(
            errc::invalid_argument, [&] { (void)one.acquire(how); },
            [&](std::error_code& ec) { (void)one.acquire(how, ec); });
        expect_both(
            errc::invalid_argument, [&] { (void)one.try_acquire(how); },
            [&](std::error_code& ec) { (void)one.try_acquire(how, ec); });
        expect_both(
            errc::invalid_argument, [&] { (void)one.try_acquire_for(1h, how); },
            [&](std::error_code& ec) { (void)one.try_acquire_for(1h, how, ec); });
        expect_both(
            errc::invalid_argument, [&] { (void)one.try_acquire_until(deadline::max(), how); },
            [&](std::error_code& ec) { (void)one.try_acquire_until(deadline::max(), how, ec); });
    }
}

TEST_F(Acquire, WithANegativeTtlIsAnInvalidArgument) {
    expect_both(
        errc::invalid_argument, [&] { (void)one.acquire({.ttl = -1ns}); },
        [&](std::error_code& ec) { (void)one.acquire({.ttl = -1ns}, ec); });
    EXPECT_EQ(one.available(), 1U);
}

TEST_F(Acquire, BeyondTheMostWaitersIsRefusedAndDisturbsNoWaiter) {
    auto narrow = home->semaphore("narrow", {.max_waiters = 2});
    auto held = narrow.acquire();
    auto first = waiting(narrow);
    ASSERT_TRUE(queued(narrow, 1));
    auto second = waiting(narrow);
    ASSERT_TRUE(queued(narrow, 2));
    expect_both(
        errc::too_many_waiters, [&] { (void)narrow.acquire(); }, [&](std::error_code& ec) { (void)narrow.acquire({}, ec); });
    EXPECT_EQ(code_from([&](auto& ec) { EXPECT_FALSE(narrow.try_acquire_for(1h, {}, ec)); }), errc::too_many_waiters);
    EXPECT_FALSE(narrow.try_acquire()) << "which does not want to wait, and is no error";
    held.release();
    first.get().release();
    second.get().release();
    EXPECT_TRUE(narrow.acquire().valid());
}

TEST_F(Acquire, BeyondTheWaitersOfTheSegmentIsRefusedUntilOneLeaves) {
    limits tight = small_limits;
    tight.waiters = 1;
    test_segment small(tight);
    auto a = small->semaphore("a");
    auto b = small->semaphore("b");
    auto in_a = a.acquire();
    auto in_b = b.acquire();
    auto waiter = waiting(a);
    ASSERT_TRUE(queued(a, 1));
    EXPECT_EQ(code_from([&](auto& ec) { (void)b.acquire({}, ec); }), errc::too_many_waiters);
    in_a.release();
    waiter.get().release();
    EXPECT_FALSE(code_from([&](auto& ec) { EXPECT_FALSE(b.try_acquire_for(1ms, {}, ec)); }));
}

TEST_F(Acquire, InThroughputOrderLetsNobodyStarve) {
    auto fast = home->semaphore("fast", {.order = order::throughput});
    shared<flag> stop;
    std::vector<child> barging;
    for (int i = 0; i < 2; ++i) {
        barging.push_back(fork_child([&] {
            while (!stop->raised()) (void)fast.acquire();
        }));
    }
    for (int i = 0; i < rounds(200); ++i) EXPECT_TRUE(fast.acquire().valid());
    stop->raise();
    for (auto& other : barging) EXPECT_EQ(other.wait_exit(), 0);
}

TEST_F(Acquire, KeepsToThePermitsWhateverRacesForThem) {
    auto three = home->semaphore("three", {.permits = 3});
    struct counts {
        std::atomic<int> inside{0};
        std::atomic<int> most{0};
        std::array<std::atomic<int>, 3> seats{};
    };
    shared<counts> seen;
    std::vector<child> racers;
    for (int i = 0; i < 6; ++i) {
        racers.push_back(fork_child([&, i] {
            for (int round = 0; round < rounds(2000); ++round) {
                lease held;
                if (i % 2 == 0) {
                    held = three.acquire();
                } else if (auto maybe = three.try_acquire_for(100us)) {
                    held = std::move(*maybe);
                } else {
                    continue;
                }
                const int now = seen->inside.fetch_add(1) + 1;
                if (now > seen->most.load()) seen->most.store(now);
                EXPECT_LE(now, 3);
                EXPECT_EQ(seen->seats[held.seat()].fetch_add(1), 0) << "two holders in seat " << held.seat();
                seen->seats[held.seat()].fetch_sub(1);
                seen->inside.fetch_sub(1);
                EXPECT_TRUE(held.release());
            }
        }));
    }
    for (auto& racer : racers) EXPECT_EQ(racer.wait_exit(), 0);
    EXPECT_EQ(three.available(), 3U);
    EXPECT_EQ(three.stats().inversions, 0U);
}

}  // namespace
}  // namespace shmsem::test
