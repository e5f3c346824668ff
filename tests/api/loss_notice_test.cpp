#include <atomic>
#include <stop_token>
#include <thread>

#include "support/clock_shift.hpp"
#include "support/shmsem_test.hpp"

// A holder is told that it lost its lease without asking: by a callback or by a stop token (I6).

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

class LossNotice : public WithSegment {
   protected:
    semaphore manual = home->semaphore("manual", {.ttl = 30s, .renewal = renewal::manual});
};

TEST_F(LossNotice, CallsBackOnceWhenTheTtlPasses) {
    in_child([&] {
        clock_shift time;
        lease held = manual.acquire();
        tally calls;
        held.on_lost([&] { calls.add(); });
        time.forward(29s);
        EXPECT_EQ(calls.value(), 0U);
        time.forward(2s);
        calls.wait_for(1);
        EXPECT_FALSE(held.valid());
        time.forward(100s);
        (void)manual.try_acquire();
        EXPECT_EQ(calls.value(), 1U);
    });
}

TEST_F(LossNotice, CallsBackWhenAnotherProcessTookThePermit) {
    // This process's clock says that there is time left; the taker's, that there is none.
    lease held = manual.acquire();
    tally calls;
    held.on_lost([&] { calls.add(); });
    in_child([&] {
        clock_shift time(31s);
        EXPECT_TRUE(manual.acquire().valid());
    });
    calls.wait_for(1);
    EXPECT_FALSE(held.valid());
}

TEST_F(LossNotice, RequestsAStopOnTheToken) {
    in_child([&] {
        clock_shift time;
        lease held = manual.acquire();
        const std::stop_token lost = held.lost_token();
        EXPECT_TRUE(lost.stop_possible());
        EXPECT_FALSE(lost.stop_requested());
        tally calls;
        const std::stop_callback react(lost, [&] { calls.add(); });
        time.forward(31s);
        calls.wait_for(1);
        EXPECT_TRUE(lost.stop_requested());
    });
}

TEST_F(LossNotice, EndsAWaitThatWasTiedToTheLease) {
    in_child([&] {
        clock_shift time;
        auto other = home->semaphore("other", {.ttl = forever});  // only the awaited lease has a ttl that passes
        const lease blocker = other.acquire();
        lease held = manual.acquire();
        const std::stop_token lost = held.lost_token();
        std::jthread loser([&] {
            EXPECT_TRUE(queued(other, 1));
            time.forward(31s);
        });
        EXPECT_EQ(code_from([&](auto& ec) { (void)other.acquire({.stop = lost}, ec); }), errc::cancelled);
    });
}

TEST_F(LossNotice, IsNotGivenForALeaseThatWasReleased) {
    in_child([&] {
        clock_shift time;
        tally calls;
        std::stop_token lost;
        {
            lease held = manual.acquire();
            held.on_lost([&] { calls.add(); });
            lost = held.lost_token();
            EXPECT_TRUE(held.release());
        }
        {
            lease held = manual.acquire();
            held.on_lost([&] { calls.add(); });
        }
        time.forward(100s);
        tally later;
        lease held = manual.acquire();
        held.on_lost([&] { later.add(); });
        time.forward(31s);
        later.wait_for(1);
        EXPECT_EQ(calls.value(), 0U);
        EXPECT_FALSE(lost.stop_requested());
    });
}

TEST_F(LossNotice, FollowsTheLeaseWhenItIsMoved) {
    in_child([&] {
        clock_shift time;
        tally calls;
        lease first = manual.acquire();
        first.on_lost([&] { calls.add(); });
        const lease second = std::move(first);
        time.forward(31s);
        calls.wait_for(1);
        EXPECT_FALSE(second.valid());
    });
}

TEST_F(LossNotice, IsGivenToEveryoneWhoAsked) {
    in_child([&] {
        clock_shift time;
        tally calls;
        auto wide = home->semaphore("wide", {.permits = 3, .ttl = 30s, .renewal = renewal::manual});
        lease a = wide.acquire();
        lease b = wide.acquire({.permits = 2});
        a.on_lost([&] { calls.add(); });
        b.on_lost([&] { calls.add(); });
        const auto token = b.lost_token();
        time.forward(31s);
        calls.wait_for(2);
        EXPECT_TRUE(eventually([&] { return token.stop_requested(); }));
    });
}

TEST_F(LossNotice, IsRefusedForALeaseThatIsLostAlready) {
    in_child([&] {
        clock_shift time;
        lease late = manual.acquire();
        time.forward(31s);
        const lease successor = manual.acquire();
        tally calls;
        expect_throws(errc::lease_lost, [&] { late.on_lost([&] { calls.add(); }); });
        EXPECT_EQ(calls.value(), 0U);
        EXPECT_TRUE(late.lost_token().stop_requested());
    });
}

TEST_F(LossNotice, IsGivenWhenMaxHoldEndsAnAutomaticLease) {
    in_child([&] {
        clock_shift time;
        auto capped = home->semaphore("capped", {.ttl = 30s, .max_hold = 40s});
        lease held = capped.acquire();
        tally calls;
        held.on_lost([&] { calls.add(); });
        for (int i = 0; i < 5; ++i) time.forward(9s);
        calls.wait_for(1);
        EXPECT_FALSE(held.valid());
    });
}

}  // namespace
}  // namespace shmsem::test
