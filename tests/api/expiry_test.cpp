#include <algorithm>
#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "support/clock_shift.hpp"
#include "support/shmsem_test.hpp"

// A lease whose holder is alive but silent is re-granted once its ttl has passed (I5), and its holder can tell (I6). Time is
// moved, not waited for, in a child, whose clock is its own.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

class Expiry : public WithSegment {
   protected:
    semaphore manual = home->semaphore("manual", {.ttl = 30s, .renewal = renewal::manual});
    semaphore automatic = home->semaphore("automatic", {.ttl = 30s});
    static inline semaphore* reaped_at_point = nullptr;  // for a kill point, which runs a plain function
};

TEST_F(Expiry, ComesWhenTheTtlHasPassedAndNotBefore) {
    in_child([&] {
        clock_shift time;
        lease held = manual.acquire();
        time.forward(29s);
        EXPECT_TRUE(held.valid());
        EXPECT_EQ(manual.reap(), 0U);
        EXPECT_FALSE(manual.try_acquire());
        time.forward(2s);
        EXPECT_FALSE(held.valid());
        EXPECT_EQ(held.remaining(), 0ns);
        EXPECT_TRUE(manual.try_acquire()) << "whoever looks first takes it back";
        EXPECT_EQ(manual.stats().total_expired, 1U);
        EXPECT_EQ(manual.stats().total_reaped, 0U);
    });
}

TEST_F(Expiry, CarriedOutByAnotherInTheMiddleOfAPollStillGivesItThePermit) {
    in_child([&] {
        clock_shift time;
        const lease held = manual.acquire();
        time.forward(31s);
        reaped_at_point = &manual;
        os::testing::call_at("try.before_sweep", [] { EXPECT_LE(reaped_at_point->reap(), 1U); });
        EXPECT_TRUE(manual.try_acquire());
    });
}

TEST_F(Expiry, IsCarriedOutByReapAndCounted) {
    in_child([&] {
        clock_shift time;
        auto wide = home->semaphore("wide", {.permits = 4, .ttl = forever, .renewal = renewal::manual});
        lease early = wide.acquire({.ttl = 30s});
        lease weighted = wide.acquire({.permits = 2, .ttl = 31s});
        lease late = wide.acquire({.ttl = 1h});
        time.forward(40s);
        // The background thread may have been faster; together they take back exactly three.
        (void)wide.reap();
        EXPECT_EQ(wide.stats().total_expired, 3U);
        EXPECT_EQ(wide.available(), 3U);
        EXPECT_TRUE(late.valid());
        EXPECT_FALSE(early.valid());
        EXPECT_FALSE(weighted.valid());
    });
}

TEST_F(Expiry, LetsALateReleaseTouchNobodyElse) {
    in_child([&] {
        clock_shift time;
        lease late = manual.acquire();
        time.forward(31s);
        lease successor = manual.acquire();
        EXPECT_GT(successor.token(), late.token());
        EXPECT_EQ(successor.seat(), late.seat());
        EXPECT_FALSE(late.release());
        EXPECT_TRUE(successor.valid());
        EXPECT_EQ(manual.available(), 0U);
        EXPECT_TRUE(successor.release());
    });
}

TEST_F(Expiry, IsReportedToTheLateHolderAsLeaseLost) {
    in_child([&] {
        clock_shift time;
        lease late = manual.acquire();
        time.forward(31s);
        const lease successor = manual.acquire();
        EXPECT_EQ(code_from([&](auto& ec) { late.renew(ec); }), errc::lease_lost);
        EXPECT_FALSE(late.renew());
        EXPECT_EQ(code_from([&](auto& ec) { late.release(ec); }), errc::lease_lost);
        EXPECT_FALSE(code_from([&](auto& ec) { late.release(ec); })) << "said once";
        EXPECT_TRUE(successor.valid());
    });
}

TEST_F(Expiry, IsNotUndoneByRenewingThoughNobodyTookThePermit) {
    in_child([&] {
        clock_shift time;
        auto capped = home->semaphore("capped", {.ttl = 30s, .renewal = renewal::manual, .max_hold = 50s});
        auto wide = home->semaphore("wide", {.permits = 3, .ttl = 30s, .renewal = renewal::manual});
        lease late = manual.acquire();
        lease beyond = capped.acquire();
        lease several = wide.acquire({.permits = 2});
        time.forward(29s);
        EXPECT_TRUE(beyond.renew());
        time.forward(22s);
        for (lease* each : {&late, &beyond, &several}) {
            EXPECT_FALSE(each->renew());
            EXPECT_EQ(code_from([&](auto& ec) { each->renew(ec); }), errc::lease_lost);
            EXPECT_FALSE(each->valid());
        }
        EXPECT_TRUE(manual.try_acquire());
        EXPECT_TRUE(capped.try_acquire());
        EXPECT_TRUE(wide.try_acquire({.permits = 3}));
    });
}

TEST_F(Expiry, ServesAWaiterWithoutAnybodysHelp) {
    in_child([&] {
        clock_shift time;
        lease silent = manual.acquire();
        auto waiter = std::async(std::launch::async, [&] { return manual.acquire(); });
        ASSERT_TRUE(queued(manual, 1));
        time.forward(31s);
        lease got = waiter.get();
        EXPECT_TRUE(got.valid());
        EXPECT_FALSE(silent.valid());
        EXPECT_FALSE(silent.release());
        EXPECT_EQ(manual.stats().total_expired, 1U);
    });
}

TEST_F(Expiry, IsSeenByAWaiterInAnotherProcessWhoseHolderSleeps) {
    const lease silent = manual.acquire();
    in_child([&] {
        clock_shift time(31s);
        EXPECT_TRUE(manual.acquire().valid());
    });
    EXPECT_FALSE(silent.valid()) << "lost, though by this process's clock its ttl has not passed";
    EXPECT_EQ(silent.remaining(), 0ns);
}

TEST_F(Expiry, IsPutOffByRenewing) {
    in_child([&] {
        clock_shift time;
        lease held = manual.acquire();
        for (int i = 0; i < 10; ++i) {
            time.forward(20s);
            EXPECT_TRUE(held.renew());
            EXPECT_GE(held.remaining(), 30s);
        }
        EXPECT_TRUE(held.valid());
        EXPECT_EQ(manual.reap(), 0U);
        time.forward(31s);
        EXPECT_FALSE(held.valid());
    });
}

TEST_F(Expiry, IsPutOffByTheBackgroundThreadWithoutTheHoldersHelp) {
    in_child([&] {
        clock_shift time;
        const lease held = automatic.acquire();
        const auto token = held.token();
        for (int i = 0; i < 10; ++i) {
            time.forward(12s);  // more than ttl / 3, less than the ttl
            EXPECT_TRUE(eventually([&] { return held.remaining() > 25s; })) << "renewal " << i;
        }
        EXPECT_TRUE(held.valid());
        EXPECT_EQ(held.token(), token);
        EXPECT_EQ(automatic.stats().total_expired, 0U);
    });
}

TEST_F(Expiry, IsPutOffForEachOfManyLeasesAndEachPermitOfOne) {
    in_child([&] {
        clock_shift time;
        auto wide = home->semaphore("wide", {.permits = 100, .max_permits = 100, .ttl = 30s});
        const lease big = wide.acquire({.permits = 40});
        std::vector<lease> held;
        for (int i = 0; i < 60; ++i) held.push_back(wide.acquire({.ttl = i % 2 == 0 ? duration{30s} : duration{20s}}));
        for (int i = 0; i < 6; ++i) {
            time.forward(8s);
            EXPECT_TRUE(eventually([&] {
                return big.remaining() > 22s &&
                       std::all_of(held.begin(), held.end(), [](const lease& l) { return l.remaining() > 13s; });
            })) << "renewal "
                << i;
        }
        EXPECT_EQ(wide.reap(), 0U);
        EXPECT_EQ(wide.available(), 0U);
        EXPECT_TRUE(big.valid());
    });
}

TEST_F(Expiry, OfAShortLeaseIsPutOffInRealTimeToo) {
    // Nothing is injected here: the thread itself must find the time to renew.
    auto brief = home->semaphore("brief", {.ttl = 3s});
    const lease held = brief.acquire();
    const auto first = held.expires_at();
    EXPECT_TRUE(eventually([&] { return held.expires_at() > first; }));
    EXPECT_TRUE(held.valid());
}

TEST_F(Expiry, IsNotPutOffBeyondMaxHoldByTheHolder) {
    in_child([&] {
        clock_shift time;
        auto capped = home->semaphore("capped", {.ttl = 30s, .renewal = renewal::manual, .max_hold = 60s});
        lease held = capped.acquire();
        time.forward(25s);
        EXPECT_TRUE(held.renew());
        EXPECT_GT(held.remaining(), 29s);
        time.forward(25s);
        (void)held.renew();
        EXPECT_LE(held.remaining(), 10s + 50ms);
        EXPECT_TRUE(held.valid());
        time.forward(11s);
        EXPECT_FALSE(held.valid());
        EXPECT_TRUE(capped.try_acquire());
    });
}

TEST_F(Expiry, IsNotPutOffBeyondMaxHoldByTheBackgroundThread) {
    in_child([&] {
        clock_shift time;
        auto capped = home->semaphore("capped", {.ttl = 30s, .max_hold = 60s});
        const lease held = capped.acquire();
        for (int i = 0; i < 4; ++i) {
            time.forward(12s);
            const duration most = 60s - (i + 1) * 12s + 50ms;
            EXPECT_TRUE(eventually([&] { return held.remaining() > std::min<duration>(25s, most - 5s); }));
            EXPECT_LE(held.remaining(), most);
        }
        time.forward(13s);
        EXPECT_FALSE(held.valid());
        EXPECT_TRUE(capped.try_acquire_for(30s * slowness));
    });
}

TEST_F(Expiry, OfMaxHoldAloneEndsALeaseWithoutTtl) {
    in_child([&] {
        clock_shift time;
        auto capped = home->semaphore("capped", {.ttl = forever, .max_hold = 60s});
        const lease held = capped.acquire();
        EXPECT_LE(held.remaining(), 60s + 50ms);
        time.forward(59s);
        EXPECT_TRUE(held.valid());
        time.forward(2s);
        EXPECT_FALSE(held.valid());
        EXPECT_TRUE(capped.try_acquire_for(30s * slowness));
    });
}

TEST_F(Expiry, NeverComesWithoutATtl) {
    in_child([&] {
        clock_shift time;
        auto endless = home->semaphore("endless", {.ttl = forever, .renewal = renewal::manual});
        const lease held = endless.acquire();
        for (int i = 0; i < 10; ++i) {
            time.forward(24h * 60);  // far beyond the half range of the ticks
            EXPECT_TRUE(held.valid());
            EXPECT_EQ(endless.reap(), 0U);
        }
        EXPECT_EQ(held.remaining(), forever);
    });
}

TEST_F(Expiry, OfTheLongestTtlComesInTime) {
    in_child([&] {
        clock_shift time;
        auto longest = home->semaphore("longest", {.ttl = max_ttl, .renewal = renewal::manual});
        const lease held = longest.acquire();
        time.forward(max_ttl - 1min);
        EXPECT_TRUE(held.valid());
        EXPECT_EQ(longest.reap(), 0U);
        time.forward(2min);
        EXPECT_FALSE(held.valid());
        EXPECT_TRUE(longest.try_acquire());
    });
}

TEST_F(Expiry, WorksAfterTheTicksHaveWrapped) {
    in_child([&] {
        clock_shift time;
        for (int i = 0; i < 4; ++i) {
            time.forward(24h * 150);  // 600 days in all; 32 bits of ticks are 497
            lease held = manual.acquire();
            EXPECT_GT(held.remaining(), 29s);
            time.forward(29s);
            EXPECT_TRUE(held.valid());
            EXPECT_TRUE(held.renew());
            time.forward(31s);
            EXPECT_FALSE(held.valid());
            EXPECT_TRUE(manual.try_acquire());
        }
    });
}

TEST_F(Expiry, CountsFromTheGrantNotFromTheWait) {
    in_child([&] {
        clock_shift time;
        auto mixed = home->semaphore("mixed", {.ttl = 30s, .renewal = renewal::manual});
        lease blocker = mixed.acquire({.ttl = forever});
        auto waiter = std::async(std::launch::async, [&] { return mixed.acquire(); });
        ASSERT_TRUE(queued(mixed, 1));
        time.forward(300s);
        EXPECT_EQ(mixed.stats().waiting, 1U) << "a waiter may wait longer than any ttl";
        EXPECT_TRUE(blocker.release());
        const lease got = waiter.get();
        EXPECT_TRUE(got.valid());
        EXPECT_GT(got.remaining(), 29s);
    });
}

TEST_F(Expiry, DoesNotEndAWaitBeforeItsDeadlineAndEndsItAfter) {
    in_child([&] {
        clock_shift time;
        const lease blocker = manual.acquire({.ttl = forever});
        auto waiter = std::async(std::launch::async, [&] { return manual.try_acquire_for(60s); });
        ASSERT_TRUE(queued(manual, 1));
        time.forward(50s);
        EXPECT_EQ(manual.stats().waiting, 1U);
        time.forward(11s);
        EXPECT_FALSE(waiter.get());
        EXPECT_EQ(manual.stats().total_timed_out, 1U);
    });
}

TEST_F(Expiry, BetweenTheGrantAndItsReceiptSendsTheWaiterBackToTheQueue) {
    // A waiter is stopped for longer than the ttl just when its turn comes, and loses it. It still wants one when it goes on.
    const auto granted_and_expired = [&](auto take) {
        in_child([&] {
            clock_shift time;
            lease held = manual.acquire();
            std::jthread releaser([&] {
                EXPECT_TRUE(queued(manual, 1));
                held.release();
            });
            reaped_at_point = &manual;
            os::testing::call_at("wait.granted", [] {
                os::testing::advance_clock(31s);
                (void)reaped_at_point->reap();
            });
            auto got = take();
            EXPECT_TRUE(got);
            EXPECT_EQ(manual.available(), 0U);
        });
    };
    granted_and_expired([&] {
        lease got = manual.acquire();
        EXPECT_TRUE(got.valid());
        return got;
    });
    granted_and_expired([&] {
        auto got = manual.try_acquire_for(1h);
        EXPECT_TRUE(got && got->valid());
        return got;
    });
}

TEST_F(Expiry, FoundByABackgroundThreadServesAWaiterThatCameWhileItLooked) {
    // The background thread has seen that nobody waits. Before it takes the expired lease back, a waiter comes, whose clock is
    // behind, so that it takes back nothing itself. Its own background thread would look after it in the end: that does not count.
    struct scene {
        flag come;
        pid_t waiter = 0;
        semaphore* sem = nullptr;
        std::atomic<bool> gate_looked_at{false};
    };
    static shared<scene> at;
    in_child([&] {
        auto waiter = fork_child([&] {
            at->come.wait();
            EXPECT_TRUE(manual.acquire().valid());
        });
        clock_shift time;
        lease held = manual.acquire();
        at->waiter = waiter.pid();
        at->sem = &manual;
        os::testing::call_at("keeper.before_sweep", [] {
            os::testing::call_at("release.before_dispatch", [] { at->gate_looked_at = true; });
            at->come.raise();
            EXPECT_TRUE(queued(*at->sem, 1));
            EXPECT_TRUE(eventually([] { return sleeps(at->waiter); }));
        });
        time.forward(31s);
        EXPECT_EQ(waiter.wait_exit(), 0);
        EXPECT_TRUE(at->gate_looked_at);
    });
}

TEST_F(Expiry, IsShownByInspect) {
    in_child([&] {
        clock_shift time;
        const lease held = manual.acquire();
        time.forward(20s);
        const auto seen = manual.inspect().holders.at(0);
        EXPECT_GE(seen.held, 20s);
        EXPECT_LT(seen.held, 25s);
        EXPECT_LE(seen.ttl_left, 10s + 50ms);
        EXPECT_GT(seen.ttl_left, 5s);
    });
}

}  // namespace
}  // namespace shmsem::test
