#include <atomic>
#include <future>
#include <set>
#include <thread>
#include <vector>

#include "support/shmsem_test.hpp"

// Several permits at once: all of them or none, and while such a request is at the head of the queue nobody behind it is served.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

class Weighted : public WithSegment {
   protected:
    semaphore three = home->semaphore("three", {.permits = 3});

    static std::future<lease> waiting(semaphore on, std::int64_t permits) {
        return std::async(std::launch::async, [on, permits]() mutable { return on.acquire({.permits = permits}); });
    }
};

TEST_F(Weighted, TakesAllItsPermitsInSeatsOfTheirOwn) {
    auto one = three.acquire();
    auto two = three.acquire({.permits = 2});
    EXPECT_EQ(two.permits(), 2U);
    EXPECT_TRUE(two.valid());
    EXPECT_EQ((std::set{one.seat(), two.seat(0), two.seat(1)}), (std::set{0U, 1U, 2U}));
    EXPECT_EQ(three.available(), 0U);
    EXPECT_EQ(three.stats().acquired, 3U);
    EXPECT_TRUE(two.release());
    EXPECT_EQ(three.available(), 2U);
}

TEST_F(Weighted, TakesEveryPermitThereIs) {
    auto all = three.acquire({.permits = 3});
    EXPECT_EQ(all.permits(), 3U);
    EXPECT_FALSE(three.try_acquire());
    EXPECT_TRUE(all.release());
    EXPECT_TRUE(three.try_acquire({.permits = 3}));
}

TEST_F(Weighted, TakesNoneWhenItCannotHaveAll) {
    auto one = three.acquire();
    auto two = three.acquire();
    EXPECT_FALSE(three.try_acquire({.permits = 2}));
    EXPECT_FALSE(three.try_acquire_for(1ms, {.permits = 2}));
    EXPECT_EQ(three.available(), 1U);
    EXPECT_EQ(three.stats().acquired, 2U);
    EXPECT_TRUE(three.try_acquire());
}

TEST_F(Weighted, HoldsNothingWhileItWaits) {
    auto one = three.acquire();
    auto two = three.acquire();
    auto waiter = waiting(three, 3);
    ASSERT_TRUE(queued(three, 1));
    EXPECT_EQ(three.stats().acquired, 2U);
    EXPECT_EQ(three.inspect().waiters.at(0).permits, 3U);
    one.release();
    ASSERT_TRUE(queued(three, 1));
    EXPECT_EQ(three.stats().acquired, 1U);
    EXPECT_TRUE(invariants_hold(*home));
    two.release();
    lease all = waiter.get();
    EXPECT_EQ(all.permits(), 3U);
    EXPECT_EQ(three.stats().acquired, 3U);
}

TEST_F(Weighted, AtTheHeadHoldsUpThoseBehindItAndIsNotStarved) {
    auto one = three.acquire();
    auto big = waiting(three, 3);
    ASSERT_TRUE(queued(three, 1));
    auto small = waiting(three, 1);
    ASSERT_TRUE(queued(three, 2));
    // Two permits are free, and the small request, which they would satisfy, is not served.
    EXPECT_EQ(three.available(), 2U);
    EXPECT_FALSE(three.try_acquire());
    EXPECT_EQ(three.stats().waiting, 2U);
    one.release();
    lease all = big.get();
    EXPECT_EQ(three.stats().waiting, 1U);
    const auto ticket = all.ticket();
    all.release();
    EXPECT_GT(small.get().ticket(), ticket);
    EXPECT_EQ(three.stats().inversions, 0U);
}

TEST_F(Weighted, ReleasedServesSeveralWaitersAtOnce) {
    auto all = three.acquire({.permits = 3});
    std::vector<std::future<lease>> waiters;
    for (std::uint32_t i = 0; i < 3; ++i) {
        waiters.push_back(waiting(three, 1));
        ASSERT_TRUE(queued(three, i + 1));
    }
    all.release();
    std::vector<lease> held;
    for (auto& waiter : waiters) held.push_back(waiter.get());
    EXPECT_EQ(three.available(), 0U);
}

TEST_F(Weighted, GrantedToAWaitingProcessIsWhole) {
    auto one = three.acquire();
    auto other = fork_child([&] {
        lease two = three.acquire({.permits = 3});
        EXPECT_EQ(two.permits(), 3U);
        EXPECT_TRUE(two.valid());
        EXPECT_EQ((std::set{two.seat(0), two.seat(1), two.seat(2)}.size()), 3U);
        EXPECT_TRUE(two.renew());
        EXPECT_TRUE(two.release());
    });
    ASSERT_TRUE(queued(three, 1));
    one.release();
    EXPECT_EQ(other.wait_exit(), 0);
    EXPECT_EQ(three.available(), 3U);
}

TEST_F(Weighted, MovesAndSwapsWhole) {
    lease two = three.acquire({.permits = 2});
    lease one = three.acquire();
    const auto seats = std::pair{two.seat(0), two.seat(1)};
    two.swap(one);
    EXPECT_EQ(one.permits(), 2U);
    EXPECT_EQ((std::pair{one.seat(0), one.seat(1)}), seats);
    const lease moved = std::move(one);
    EXPECT_EQ((std::pair{moved.seat(0), moved.seat(1)}), seats);
    EXPECT_TRUE(moved.valid());
    EXPECT_TRUE(two.valid());
}

TEST_F(Weighted, RequestsOfManySizesNeitherStarveNorExceedThePermits) {
    auto wide = home->semaphore("wide", {.permits = 8});
    shared<std::atomic<int>> inside{0};
    std::vector<child> racers;
    for (int r = 0; r < 5; ++r) {
        racers.push_back(fork_child([&, r] {
            for (int i = 0; i < rounds(500); ++i) {
                const int n = 1 + (r + i) % 8;
                lease held = wide.acquire({.permits = n});
                EXPECT_LE(inside->fetch_add(n) + n, 8);
                inside->fetch_sub(n);
                EXPECT_EQ(held.permits(), static_cast<std::uint32_t>(n));
                EXPECT_TRUE(held.release());
            }
        }));
    }
    for (auto& racer : racers) EXPECT_EQ(racer.wait_exit(), 0);
    EXPECT_EQ(wide.available(), 8U);
    EXPECT_EQ(wide.stats().inversions, 0U);
}

TEST_F(Weighted, OfManyPermitsIsReleasedInOneCall) {
    auto many = home->semaphore("many", {.permits = 200, .max_permits = 200});
    lease held = many.acquire({.permits = 200});
    std::set<std::uint32_t> seats;
    for (std::uint32_t i = 0; i < 200; ++i) seats.insert(held.seat(i));
    EXPECT_EQ(seats.size(), 200U);
    EXPECT_EQ(*seats.rbegin(), 199U);
    EXPECT_TRUE(held.release());
    EXPECT_EQ(many.available(), 200U);
}

}  // namespace
}  // namespace shmsem::test
