#include "support/clock_shift.hpp"
#include "support/shmsem_test.hpp"

// Anybody who may write the segment can take a permit from its holder, who can tell.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

class End : public WithSegment {
   protected:
    semaphore s = home->semaphore("s", {.permits = 2, .ttl = forever});
};

TEST_F(End, GivesThePermitToTheNextInLine) {
    shared<flag> holds;
    auto holder = fork_child([&] {
        lease mine = s.acquire({.permits = 2});
        tally told;
        mine.on_lost([&] { told.add(); });
        holds->raise();
        told.wait_for(1);
        EXPECT_FALSE(mine.valid());
        EXPECT_FALSE(mine.renew());
    });
    holds->wait();
    auto waiter = fork_child([&] { EXPECT_TRUE(s.acquire().valid()); });
    ASSERT_TRUE(queued(s, 1));
    const auto victim = s.inspect().holders.front();
    EXPECT_TRUE(s.end(victim.seat, victim.token));
    EXPECT_EQ(waiter.wait_exit(), 0);
    EXPECT_EQ(holder.wait_exit(), 0);
    EXPECT_EQ(s.stats().total_ended, 1U);
    EXPECT_EQ(s.available(), 2U);
}

TEST_F(End, OfALeaseMakesItsReleaseSayLost) {
    lease held = s.acquire();
    EXPECT_TRUE(s.end(held.seat(), held.token()));
    EXPECT_FALSE(held.valid());
    EXPECT_EQ(code_from([&](auto& ec) { held.release(ec); }), errc::lease_lost);
    const auto seen = s.stats();
    EXPECT_EQ(seen.total_acquired, 1U);
    EXPECT_EQ(seen.total_released, 0U);
    EXPECT_EQ(seen.total_ended, 1U);
}

TEST_F(End, LeavesALaterLeaseOfTheSeatAlone) {
    lease first = s.acquire();
    const std::uint32_t seat = first.seat();
    const std::uint64_t token = first.token();
    EXPECT_TRUE(first.release());
    EXPECT_FALSE(s.end(seat, token)) << "nobody holds it";
    lease second = s.acquire();
    ASSERT_EQ(second.seat(), seat);
    EXPECT_FALSE(s.end(seat, token));
    EXPECT_TRUE(second.valid());
    EXPECT_TRUE(second.release());
    EXPECT_EQ(s.stats().total_ended, 0U);
}

TEST_F(End, ReachesADetachedLease) {
    lease held = s.acquire();
    const std::uint32_t seat = held.seat();
    const std::uint64_t token = held.token();
    const detached_lease afloat = held.detach();
    EXPECT_TRUE(s.end(seat, token));
    EXPECT_EQ(code_from([&](auto& ec) { (void)s.adopt(afloat, ec); }), errc::lease_lost);
    EXPECT_EQ(s.available(), 2U);
}

TEST_F(End, ClosesASeatThatWasToRetire) {
    lease both = s.acquire({.permits = 2});
    s.resize(1);
    const std::uint32_t last = std::max(both.seat(0), both.seat(1));
    const auto holders = s.inspect().holders;
    ASSERT_EQ(holders.back().seat, last);
    EXPECT_TRUE(s.end(last, holders.back().token));
    EXPECT_EQ(s.available(), 0U);
    EXPECT_FALSE(both.release());
    EXPECT_EQ(s.available(), 1U);
}

TEST_F(End, IsRefusedWithoutWritePermissionAndWhereThereIsNoSuchSeat) {
    lease held = s.acquire();
    auto seen = segment::open(home.name(), access::read_only).find("s");
    EXPECT_EQ(code_from([&](auto& ec) { (void)seen.end(held.seat(), held.token(), ec); }), errc::read_only);
    EXPECT_EQ(code_from([&](auto& ec) { (void)s.end(small_limits.permits, held.token(), ec); }), errc::invalid_argument);
    EXPECT_EQ(code_from([&](auto& ec) { (void)semaphore{}.end(0, 1, ec); }), errc::invalid_argument);
    EXPECT_TRUE(held.valid());
}

}  // namespace
}  // namespace shmsem::test
