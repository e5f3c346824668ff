#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
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

TEST_F(LossNotice, ThatWaitsForAThreadDoesNotKeepThatFromReleasingAnotherLease) {
    in_child([&] {
        clock_shift time;
        auto lasting = home->semaphore("lasting", {.ttl = forever});
        lease lost = manual.acquire();
        lease kept = lasting.acquire();
        kept.on_lost([] {});
        flag called;
        flag released;
        lost.on_lost([&] {
            called.raise();
            released.wait();
        });
        time.forward(31s);
        called.wait();
        EXPECT_TRUE(kept.release());
        released.raise();
    });
}

TEST_F(LossNotice, ThatIsBeingGivenIsWaitedForByWhoReleasesThatLease) {
    in_child([&] {
        clock_shift time;
        lease lost = manual.acquire();
        flag called;
        flag enough;
        std::atomic<bool> ended{false};
        lost.on_lost([&] {
            called.raise();
            enough.wait();
            ended.store(true);
        });
        time.forward(31s);
        called.wait();
        std::jthread helper([&, releases = ::getpid()] {
            EXPECT_TRUE(eventually([&] { return sleeps(releases); }));
            enough.raise();
        });
        (void)lost.release();  // expired, but nobody has taken it back: it may still be given back
        EXPECT_TRUE(ended.load());
        EXPECT_TRUE(manual.try_acquire());
    });
}

TEST_F(LossNotice, InAChildThatItForksEndsWithTheCall) {
    in_child([&] {
        clock_shift time;
        lease lost = manual.acquire();
        const auto later = home->semaphore("later", {.ttl = 40s, .renewal = renewal::manual}).acquire();
        std::atomic<int> status{-1};
        tally calls;
        lost.on_lost([&] {
            const pid_t forked = ::fork();
            if (forked == 0) return;
            int ended = 0;
            EXPECT_EQ(::waitpid(forked, &ended, 0), forked);
            status.store(ended);
            calls.add();
        });
        time.forward(31s);
        calls.wait_for(1);
        EXPECT_TRUE(WIFEXITED(status.load()) && WEXITSTATUS(status.load()) == EXIT_FAILURE) << status.load();
        EXPECT_TRUE(later.valid());
    });
}

TEST_F(LossNotice, IsRefusedInBothForms) {
    lease none;
    expect_both(
        errc::invalid_argument, [&] { none.on_lost([] {}); }, [&](std::error_code& ec) { none.on_lost([] {}, ec); });
    lease held = manual.acquire();
    EXPECT_FALSE(code_from([&](auto& ec) { held.on_lost([] {}, ec); }));
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

TEST(LossNoticeOfALastLease, IsGivenThoughTheLastHandleGoesAtOnce) {
    watchdog guard{60s};
    in_child([&] {
        const test_name name;
        tally calls;
        constexpr std::uint32_t times = 100;
        for (std::uint32_t i = 1; i <= times; ++i) {
            clock_shift time;
            segment own = segment::open_or_create(name.name(), small_limits);
            auto brief = own.semaphore("brief", {.ttl = 30s, .renewal = renewal::manual});
            own = segment();
            lease late = brief.acquire();
            late.on_lost([&] { calls.add(); });
            time.forward(31s);
            EXPECT_TRUE(brief.try_acquire()) << "taken back, and given back";
            brief = semaphore();
            calls.wait_for(i);
        }
        EXPECT_EQ(calls.value(), times);
    });
}

TEST(LossNoticeOfALastLease, MayOwnTheLastHandle) {
    watchdog guard{60s};
    in_child([&] {
        for (int i = 0; i < 100; ++i) {
            clock_shift time;
            const test_name name;
            segment own = segment::create(name.name(), small_limits);
            auto brief = own.semaphore("brief", {.ttl = 30s, .renewal = renewal::manual});
            own = segment();
            lease late = brief.acquire();
            late.on_lost([handle = brief] {});
            time.forward(31s);
            EXPECT_TRUE(brief.try_acquire());
            brief = semaphore();
            EXPECT_FALSE(late.release()) << "which forgets the notice, if it was not given yet, and the handle with it";
        }
    });
}

TEST(LossNotices, OfTwoSegmentsMayReleaseEachOthersLeases) {
    watchdog guard{60s};
    in_child([&] {
        clock_shift time;
        const semaphore_options brief{.ttl = 30s, .renewal = renewal::manual};
        const semaphore_options lasting{.ttl = forever};
        test_segment here;
        test_segment there;
        lease here_first = here->semaphore("first", brief).acquire();
        lease there_first = there->semaphore("first", brief).acquire();
        lease here_second = here->semaphore("second", lasting).acquire();
        lease there_second = there->semaphore("second", lasting).acquire();
        here_second.on_lost([] {});
        there_second.on_lost([] {});
        barrier both(2);
        tally done;
        here_first.on_lost([&] {
            both.arrive_and_wait();
            EXPECT_TRUE(there_second.release());
            done.add();
        });
        there_first.on_lost([&] {
            both.arrive_and_wait();
            EXPECT_TRUE(here_second.release());
            done.add();
        });
        time.forward(31s);
        done.wait_for(2);
    });
}

}  // namespace
}  // namespace shmsem::test
