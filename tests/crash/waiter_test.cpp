#include <deque>
#include <stop_token>
#include <thread>

#include "crash/actors.hpp"

// I4: a waiter that dies leaves no trace and delays nobody, wherever in the queue it stood and whatever it had been promised.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

void expect_served_in_order(std::deque<waiter>& line) {
    std::uint64_t before = 0;
    for (auto& one : line) {
        if (one.process.reaped()) continue;
        EXPECT_TRUE(one.granted());
        EXPECT_GT(one.got().ticket, before);
        before = one.got().ticket;
        one.done();
    }
}

class WaiterKilled : public ::testing::TestWithParam<std::size_t> {
   protected:
    static constexpr std::size_t kWaiters = 5;
};

TEST_P(WaiterKilled, DelaysNobodyAndChangesNobodysPlace) {
    watchdog guard{120s};
    scene set;
    holder first(set);
    std::deque<waiter> line;
    for (std::size_t i = 0; i < kWaiters; ++i) line.emplace_back(set);
    EXPECT_TRUE(line[GetParam()].process.kill());
    EXPECT_TRUE(set.queued(kWaiters - 1)) << "the dead waiter is still counted";
    first.let_go();
    expect_served_in_order(line);
    expect_whole(set);
}

TEST_P(WaiterKilled, AtTheMomentOfTheReleaseDelaysNobody) {
    watchdog guard{120s};
    scene set;
    for (int i = 0; i < rounds(10); ++i) {
        holder first(set);
        std::deque<waiter> line;
        for (std::size_t k = 0; k < kWaiters; ++k) line.emplace_back(set);
        line[GetParam()].process.send(SIGKILL);
        first.let_go();
        // It may have been granted, and even have said so, before the signal arrived.
        EXPECT_TRUE(line[GetParam()].process.kill());
        expect_served_in_order(line);
    }
    expect_whole(set);
}

INSTANTIATE_TEST_SUITE_P(AtTheHeadInTheMiddleAndAtTheEnd, WaiterKilled, ::testing::Values(0, 2, 4));

TEST(WaitersKilled, AllOfThemLeaveAnEmptyQueue) {
    watchdog guard{120s};
    scene set;
    holder first(set);
    {
        std::deque<waiter> line;
        for (std::uint32_t i = 0; i < crash_limits.waiters; ++i) line.emplace_back(set);
        for (const auto& one : line) one.process.send(SIGKILL);
        for (auto& one : line) EXPECT_EQ(one.process.wait_signal(), SIGKILL);
    }
    EXPECT_TRUE(set.queued(0));
    waiter next(set);
    first.let_go();
    EXPECT_TRUE(next.granted());
    next.done();
    expect_whole(set);
}

TEST(WaitersKilled, EveryOtherOneLeavesTheRestInOrder) {
    watchdog guard{120s};
    scene set;
    holder first(set);
    std::deque<waiter> line;
    for (int i = 0; i < 6; ++i) line.emplace_back(set);
    for (std::size_t i = 0; i < 6; i += 2) EXPECT_TRUE(line[i].process.kill());
    first.let_go();
    expect_served_in_order(line);
    expect_whole(set);
}

TEST(WaitersKilled, NeverUseUpTheSegmentsRoomForWaiters) {
    watchdog guard{120s};
    scene set;
    holder first(set);
    for (std::uint32_t i = 0; i < 4 * crash_limits.waiters; ++i) {
        waiter dies(set);
        EXPECT_TRUE(dies.process.kill());
        ASSERT_TRUE(set.queued(0));
    }
    first.let_go();
    expect_whole(set);
}

TEST(HeadOfTheLine, KilledWhileItWaitsForMoreThanIsFreeLetsThoseBehindItIn) {
    watchdog guard{120s};
    scene set(unexpiring(3));
    holder first(set);
    waiter heavy(set, 3);  // two are free, so nobody behind it is served while it lives
    waiter light(set);
    waiter another(set);
    EXPECT_FALSE(light.answered());
    EXPECT_TRUE(heavy.process.kill());
    EXPECT_TRUE(light.granted());
    EXPECT_TRUE(another.granted());
    light.done();
    another.done();
    first.let_go();
    expect_whole(set);
}

void is_cancelled_waiting_for_three(const stage& on) {
    segment home = on.open();
    auto permits = home.find(scene::permits);
    std::stop_source stop;
    std::thread canceller([&] {
        on.wait_for_cue();
        stop.request_stop();
    });
    on.ready();
    std::error_code ec;
    (void)permits.acquire({.permits = 3, .stop = stop.get_token()}, ec);
    canceller.join();
}

TEST(HeadOfTheLine, KilledWhileItGivesUpLetsThoseBehindItIn) {
    watchdog guard{120s};
    scene set(unexpiring(3));
    holder first(set);
    victim heavy(set, is_cancelled_waiting_for_three, "wait.abandoned");
    heavy.go();
    ASSERT_TRUE(set.queued(1));
    waiter light(set);
    heavy.cue();
    heavy.expect_killed();
    EXPECT_TRUE(light.granted());
    light.done();
    first.let_go();
    expect_whole(set);
}

void waits(const stage& on) {
    segment home = on.open();
    auto permits = home.find(scene::permits);
    on.ready();
    (void)permits.acquire();
}

TEST(GrantedWaiters, KilledOneAfterTheOtherBeforeTheyKnowPassThePermitOn) {
    watchdog guard{120s};
    scene set;
    holder first(set);
    std::deque<victim> doomed;
    for (std::uint32_t i = 0; i < 4; ++i) {
        doomed.emplace_back(set, waits, "wait.granted");
        doomed.back().go();
        ASSERT_TRUE(set.queued(i + 1));
    }
    waiter last(set);
    first.let_go();
    for (auto& one : doomed) one.expect_killed();
    EXPECT_TRUE(last.granted());
    last.done();
    expect_whole(set);
}

TEST(WaiterOfAThread, KilledWithItsProcessTakesItsOtherThreadsWaitsAlong) {
    watchdog guard{120s};
    scene set;
    holder first(set);
    auto crowd = fork_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        std::deque<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] { (void)permits.acquire(); });
        }
        for (auto& thread : threads) thread.join();
    });
    ASSERT_TRUE(set.queued(4));
    waiter next(set);
    EXPECT_TRUE(crowd.kill());
    EXPECT_TRUE(set.queued(1));
    first.let_go();
    EXPECT_TRUE(next.granted());
    next.done();
    expect_whole(set);
}

}  // namespace
}  // namespace shmsem::test
