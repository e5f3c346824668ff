#include "layout/slot_word.hpp"
#include "os/testing.hpp"
#include "support/clock_shift.hpp"
#include "support/shmsem_test.hpp"
#include "support/stillness.hpp"

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

TEST_F(End, LeavesNothingThatCouldReleaseALaterLeaseWhenSequenceNumbersComeRound) {
    lease first = s.acquire();
    lease other = s.acquire();  // so that all that follows has the same seat
    EXPECT_TRUE(s.end(first.seat(), first.token()));
    for (std::uint32_t i = 1; i < 1U << layout::seq_bits; ++i) ASSERT_TRUE(s.acquire().release());
    lease later = s.acquire();
    ASSERT_EQ(later.seat(), first.seat());
    ASSERT_EQ(later.token() - first.token(), 1U << layout::seq_bits);
    EXPECT_FALSE(first.valid());
    EXPECT_FALSE(first.release());
    EXPECT_TRUE(later.valid());
    EXPECT_FALSE(s.try_acquire());
}

TEST_F(End, OfAGrantMakesTheWaiterQueueAnew) {
    lease both = s.acquire({.permits = 2});
    auto waiter = fork_child([&] { EXPECT_TRUE(s.acquire().valid()); });
    ASSERT_TRUE(queued(s, 1));
    freeze_when_still(waiter);
    EXPECT_TRUE(both.release());
    const auto granted = s.inspect().holders;
    ASSERT_EQ(granted.size(), 1U);
    ASSERT_EQ(granted[0].state, "granted");
    EXPECT_TRUE(s.end(granted[0].seat, granted[0].token));
    EXPECT_EQ(s.available(), 2U);
    waiter.cont();
    EXPECT_EQ(waiter.wait_exit(), 0);
}

TEST_F(End, OfOnePermitOfALeaseOfSeveralIsCountedOnce) {
    lease both = s.acquire({.permits = 2});
    EXPECT_TRUE(s.end(both.seat(1), s.inspect().holders.at(1).token));
    EXPECT_FALSE(both.valid());
    EXPECT_FALSE(both.release());
    const auto seen = s.stats();
    EXPECT_EQ(seen.total_acquired, 2U);
    EXPECT_EQ(seen.total_released, 1U);
    EXPECT_EQ(seen.total_ended, 1U);
    EXPECT_EQ(seen.available, 2);
}

TEST_F(End, IsToldOfThoughWhoEndedItDiedAtOnce) {
    in_child([&] {
        clock_shift time;
        lease held = s.acquire();
        tally told;
        held.on_lost([&] { told.add(); });
        auto dies = fork_child([&] {
            os::testing::die_at("end.opened");
            (void)s.end(held.seat(), held.token());
        });
        EXPECT_EQ(dies.wait_signal(), SIGKILL);
        time.forward(std::chrono::minutes{2});
        told.wait_for(1);
    });
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
