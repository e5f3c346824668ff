#include <atomic>
#include <future>
#include <vector>

#include "os/testing.hpp"
#include "support/clock_shift.hpp"
#include "support/shmsem_test.hpp"
#include "support/stillness.hpp"

// While a semaphore is paused nobody is given a permit, and nobody loses a place or a lease by it.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

class Pause : public WithSegment {
   protected:
    semaphore s = home->semaphore("s", {.permits = 2, .max_permits = 4});
    semaphore barging = home->semaphore("barging", {.permits = 1, .order = order::throughput});
    ownerless_semaphore units = home->ownerless("units", {.initial = 1});
};

TEST_F(Pause, KeepsFreePermitsFromEverybody) {
    EXPECT_TRUE(s.acquire().release());  // what is remembered of the slot must not help either
    s.pause();
    EXPECT_TRUE(s.paused());
    EXPECT_TRUE(s.inspect().paused);
    EXPECT_EQ(s.available(), 2U);
    EXPECT_FALSE(s.try_acquire());
    EXPECT_FALSE(s.try_acquire({.permits = 2}));
    in_child([&] {
        EXPECT_FALSE(s.try_acquire());
        clock_shift time;
        auto waits = std::async(std::launch::async, [&] { return s.try_acquire_until(time.now() + 10s); });
        EXPECT_TRUE(queued(s, 1));
        time.forward(11s);
        EXPECT_FALSE(waits.get()) << "time-outs go on";
    });
    s.resume();
    EXPECT_FALSE(s.paused());
    EXPECT_TRUE(s.try_acquire());
}

TEST_F(Pause, EndsWithTheWaitersServedInOrder) {
    s.pause();
    shared<std::atomic<int>> next;
    std::vector<child> waiters;
    for (int i = 0; i < 4; ++i) {
        waiters.push_back(fork_child([&, i] {
            const lease mine = s.acquire({.permits = 2});
            EXPECT_EQ(next->fetch_add(1), i);
        }));
        ASSERT_TRUE(queued(s, static_cast<std::uint32_t>(i) + 1));
    }
    s.resume();
    for (auto& one : waiters) EXPECT_EQ(one.wait_exit(), 0);
    EXPECT_EQ(s.stats().inversions, 0U);
}

TEST_F(Pause, LeavesLeasesToTheirHolders) {
    lease held = s.acquire();
    s.pause();
    EXPECT_TRUE(held.renew());
    EXPECT_TRUE(held.valid());
    const detached_lease afloat = held.detach();
    lease adopted = s.adopt(afloat);
    EXPECT_TRUE(adopted.release());
    EXPECT_EQ(s.available(), 2U);
}

TEST_F(Pause, OutlivesWhoAskedForIt) {
    in_child([&] { s.pause(); });
    EXPECT_TRUE(eventually([&] { return home->inspect().processes.size() <= 1; }));
    EXPECT_FALSE(s.try_acquire());
    in_child([&] { s.resume(); });
    EXPECT_TRUE(s.try_acquire());
}

TEST_F(Pause, OutlivesARepairOfTheQueue) {
    s.pause();
    auto waiter = fork_child([&] { (void)s.acquire(); });
    ASSERT_TRUE(queued(s, 1));
    auto dies = fork_child([&] {
        os::testing::die_at("lock.taken");
        s.resize(3);
    });
    EXPECT_EQ(dies.wait_signal(), SIGKILL);
    s.resize(3);
    EXPECT_GE(s.stats().recoveries, 1U);
    EXPECT_TRUE(s.paused());
    EXPECT_EQ(s.stats().waiting, 1U);
    s.resume();
    EXPECT_EQ(waiter.wait_exit(), 0);
}

TEST_F(Pause, KeepsAReleasedPermitFromTheNextInLine) {
    lease both = s.acquire({.permits = 2});
    auto waiter = fork_child([&] { EXPECT_TRUE(s.acquire().valid()); });
    ASSERT_TRUE(queued(s, 1));
    freeze_when_still(waiter);  // and not in the middle of serving itself
    s.pause();
    waiter.cont();
    EXPECT_TRUE(both.release());
    EXPECT_EQ(s.reap(), 0U);  // which dispatches as well
    EXPECT_EQ(s.stats().waiting, 1U);
    EXPECT_EQ(s.available(), 2U);
    s.resume();
    EXPECT_EQ(waiter.wait_exit(), 0);
}

TEST_F(Pause, HoldsWithThroughputOrderToo) {
    lease held = barging.acquire();
    auto waiter = fork_child([&] { EXPECT_TRUE(barging.acquire().valid()); });
    ASSERT_TRUE(queued(barging, 1));
    freeze_when_still(waiter);
    barging.pause();
    waiter.cont();
    EXPECT_TRUE(held.release());
    EXPECT_EQ(barging.reap(), 0U);
    EXPECT_FALSE(barging.try_acquire());
    EXPECT_EQ(barging.stats().waiting, 1U);
    barging.resume();
    EXPECT_EQ(waiter.wait_exit(), 0);
}

TEST_F(Pause, HoldsForUnitsToo) {
    units.pause();
    EXPECT_TRUE(units.paused());
    EXPECT_FALSE(units.try_acquire());
    units.release();
    EXPECT_EQ(units.value(), 2);
    auto waiter = fork_child([&] { units.acquire(); });
    ASSERT_TRUE(queued(units, 1));
    units.release();
    EXPECT_EQ(units.stats().waiting, 1U);
    units.resume();
    EXPECT_EQ(waiter.wait_exit(), 0);
    EXPECT_EQ(units.value(), 2);
}

TEST_F(Pause, TwiceIsOnce) {
    s.pause();
    s.pause();
    s.resume();
    EXPECT_TRUE(s.try_acquire());
    s.resume();
    EXPECT_TRUE(s.try_acquire());
}

TEST_F(Pause, IsRefusedWithoutWritePermissionAndOfNothing) {
    auto seen = segment::open(home.name(), access::read_only).find("s");
    EXPECT_EQ(code_from([&](auto& ec) { seen.pause(ec); }), errc::read_only);
    EXPECT_EQ(code_from([&](auto& ec) { seen.resume(ec); }), errc::read_only);
    EXPECT_EQ(code_from([&](auto& ec) { semaphore{}.pause(ec); }), errc::invalid_argument);
    EXPECT_EQ(code_from([&](auto& ec) { ownerless_semaphore{}.resume(ec); }), errc::invalid_argument);
    EXPECT_FALSE(semaphore{}.paused());
    EXPECT_FALSE(s.paused());
}

}  // namespace
}  // namespace shmsem::test
