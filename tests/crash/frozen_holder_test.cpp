#include <atomic>
#include <string>

#include "crash/actors.hpp"
#include "support/clock_shift.hpp"

// I6: a holder that was stopped for longer than its ttl has lost its permit, finds that out by itself, and can do no harm.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

/// How time passes for those who are not stopped.
enum class time { really, by_a_shifted_clock };

struct setting {
    time passes;
    renewal how;
};

std::string name_of(const ::testing::TestParamInfo<setting>& info) {
    return std::string(info.param.how == renewal::automatic ? "RenewedAutomatically" : "RenewedByHand") +
           (info.param.passes == time::really ? "InRealTime" : "ByAShiftedClock");
}

class FrozenHolder : public ::testing::TestWithParam<setting> {
   protected:
    [[nodiscard]] static bool real() { return GetParam().passes == time::really; }
    [[nodiscard]] static semaphore_options options(std::int64_t permits = 1) {
        return {.permits = permits, .ttl = real() ? 300ms * slowness : duration(1h), .renewal = GetParam().how};
    }
    /// In the process of whoever is not stopped.
    static void let_the_ttl_pass(clock_shift& clock) {
        if (!real()) clock.forward(2h);
    }

    scene set{options()};
    shared<flag> holds;
    shared<flag> told;
    shared<flag> go_on;
    shared<flag> checked;
    shared<told_lease> old_lease;
};

/// Takes the permit that the stopped holder has, and keeps it until `enough`.
child successor_of(const scene& set, told_lease& got, flag& enough, void (*pass)(clock_shift&)) {
    return fork_child([&set, &got, &enough, pass] {
        clock_shift clock;
        segment home = set.open();
        auto permits = home.find(scene::permits);
        pass(clock);
        std::error_code ec;
        auto mine = permits.try_acquire_until(clock.now() + liveness_bound, {.ttl = forever}, ec);
        EXPECT_FALSE(ec) << ec.message();
        if (!mine) {
            ADD_FAILURE() << "the expired permit was not granted again";
            got.said.raise();
            return;
        }
        tell(got, *mine);
        enough.wait();
        EXPECT_TRUE(mine->valid());
        EXPECT_TRUE(mine->release());
    });
}

TEST_P(FrozenHolder, FindsItsLeaseLostAndFreesNobodyElsesPermit) {
    watchdog guard{120s};
    auto frozen = fork_child([&] {
        segment home = set.open();
        lease mine = home.find(scene::permits).acquire();
        tell(*old_lease, mine);
        go_on->wait();
        EXPECT_FALSE(mine.valid());
        EXPECT_EQ(mine.remaining(), duration::zero());
        EXPECT_FALSE(mine.renew());
        std::error_code ec;
        mine.release(ec);
        EXPECT_EQ(ec, errc::lease_lost) << ec.message();
        EXPECT_FALSE(mine.release());
        checked->raise();
    });
    old_lease->said.wait();
    frozen.stop();

    shared<told_lease> next;
    shared<flag> enough;
    auto successor = successor_of(set, *next, *enough, let_the_ttl_pass);
    next->said.wait();
    ASSERT_TRUE(next->granted);
    EXPECT_EQ(next->seat, old_lease->seat);
    EXPECT_GT(next->token, old_lease->token);

    frozen.cont();
    go_on->raise();
    checked->wait();
    EXPECT_EQ(frozen.wait_exit(), 0);
    EXPECT_EQ(set.look().stats.acquired, 1U) << "the late release freed its successor's permit";
    enough->raise();
    EXPECT_EQ(successor.wait_exit(), 0);
    EXPECT_EQ(set.look().stats.total_expired, 1U);
    EXPECT_EQ(set.look().stats.total_reaped, 0U);
    expect_whole(set);
}

TEST_P(FrozenHolder, IsToldByItsCallbackAndItsStopToken) {
    watchdog guard{120s};
    auto frozen = fork_child([&] {
        segment home = set.open();
        lease mine = home.find(scene::permits).acquire();
        lease other;
        std::atomic<int> calls{0};
        mine.on_lost([&] {
            calls.fetch_add(1);
            told->raise();
        });
        const auto stop = mine.lost_token();
        EXPECT_FALSE(stop.stop_requested());
        tell(*old_lease, mine);
        go_on->wait();
        clock_shift clock;
        let_the_ttl_pass(clock);  // its own clock had not moved; now its background thread looks
        told->wait();
        EXPECT_TRUE(eventually([&] { return stop.stop_requested(); }));
        EXPECT_FALSE(mine.release());
        EXPECT_EQ(calls.load(), 1);
        EXPECT_THROW(mine.on_lost([] {}), error);
    });
    old_lease->said.wait();
    frozen.stop();

    shared<told_lease> next;
    shared<flag> enough;
    auto successor = successor_of(set, *next, *enough, let_the_ttl_pass);
    next->said.wait();
    EXPECT_FALSE(told->raised());
    frozen.cont();
    go_on->raise();
    EXPECT_EQ(frozen.wait_exit(), 0);
    enough->raise();
    EXPECT_EQ(successor.wait_exit(), 0);
    expect_whole(set);
}

TEST_P(FrozenHolder, DestroyingItsLeaseAfterwardsFreesNobodyElsesPermit) {
    watchdog guard{120s};
    auto frozen = fork_child([&] {
        segment home = set.open();
        {
            const lease mine = home.find(scene::permits).acquire();
            tell(*old_lease, mine);
            go_on->wait();
        }
        checked->raise();
    });
    old_lease->said.wait();
    frozen.stop();
    shared<told_lease> next;
    shared<flag> enough;
    auto successor = successor_of(set, *next, *enough, let_the_ttl_pass);
    next->said.wait();
    frozen.cont();
    go_on->raise();
    checked->wait();
    EXPECT_EQ(frozen.wait_exit(), 0);
    EXPECT_EQ(set.look().stats.acquired, 1U);
    enough->raise();
    EXPECT_EQ(successor.wait_exit(), 0);
    expect_whole(set);
}

TEST_P(FrozenHolder, KilledAfterItsPermitWasGrantedAgainTakesNothingWithIt) {
    watchdog guard{120s};
    holder frozen(set);
    frozen.process.stop();
    shared<told_lease> next;
    shared<flag> enough;
    auto successor = successor_of(set, *next, *enough, let_the_ttl_pass);
    next->said.wait();
    EXPECT_TRUE(frozen.process.kill());
    in_child([&] {
        segment home = set.open();
        (void)home.reap();
        EXPECT_EQ(home.find(scene::permits).available(), 0U);
        expect_only_the_living(home);
        EXPECT_EQ(home.find(scene::permits).available(), 0U);
    });
    enough->raise();
    EXPECT_EQ(successor.wait_exit(), 0);
    expect_whole(set);
}

TEST_P(FrozenHolder, AcquiresAgainLikeAnybodyElseOnceItRuns) {
    watchdog guard{120s};
    auto frozen = fork_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine = permits.acquire();
        tell(*old_lease, mine);
        go_on->wait();
        EXPECT_FALSE(mine.release());
        EXPECT_FALSE(permits.try_acquire());
        checked->raise();
        clock_shift clock;
        let_the_ttl_pass(clock);  // or its deadline would be past for those whose clock was shifted
        auto again = permits.try_acquire_until(clock.now() + liveness_bound, {.ttl = forever});
        ASSERT_TRUE(again);
        EXPECT_GT(again->token(), old_lease->token);
        EXPECT_TRUE(again->release());
    });
    old_lease->said.wait();
    frozen.stop();
    shared<told_lease> next;
    shared<flag> enough;
    auto successor = successor_of(set, *next, *enough, let_the_ttl_pass);
    next->said.wait();
    frozen.cont();
    go_on->raise();
    checked->wait();
    enough->raise();
    EXPECT_EQ(successor.wait_exit(), 0);
    EXPECT_EQ(frozen.wait_exit(), 0);
    expect_whole(set);
}

INSTANTIATE_TEST_SUITE_P(Past, FrozenHolder,
                         ::testing::Values(setting{time::really, renewal::automatic}, setting{time::really, renewal::manual},
                                           setting{time::by_a_shifted_clock, renewal::automatic},
                                           setting{time::by_a_shifted_clock, renewal::manual}),
                         name_of);

TEST(FrozenWaiter, StoppedWithAGrantLosesItByItsTtlAndStillGetsAPermitLater) {
    watchdog guard{120s};
    scene set({.permits = 1, .ttl = 300ms * slowness});
    shared<flag> served;
    holder first(set, 1, forever);
    auto frozen = fork_child([&] {
        segment home = set.open();
        auto mine = home.find(scene::permits).try_acquire_for(liveness_bound);
        ASSERT_TRUE(mine);
        served->raise();
        // What it was given is either still its own or known to be lost; never another's.
        if (mine->valid()) {
            EXPECT_TRUE(mine->release());
        }
    });
    ASSERT_TRUE(set.queued(1));
    frozen.stop();
    waiter behind(set);
    first.let_go();
    EXPECT_TRUE(behind.granted()) << "a stopped waiter kept its grant for longer than its ttl";
    frozen.cont();
    behind.done();
    served->wait();
    EXPECT_EQ(frozen.wait_exit(), 0);
    expect_whole(set);
}

}  // namespace
}  // namespace shmsem::test
