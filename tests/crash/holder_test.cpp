#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "crash/actors.hpp"
#include "support/stillness.hpp"

// I5: the permit of a holder that died is granted again as soon as the kernel reports the death, not when its ttl has passed.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

class HolderKilled : public ::testing::TestWithParam<duration> {
   protected:
    semaphore_options options(std::int64_t permits) const { return {.permits = permits, .ttl = GetParam()}; }
};

TEST_P(HolderKilled, LeavesItsPermitToTheWaiter) {
    watchdog guard{120s};
    scene set(options(1));
    holder first(set);
    waiter next(set);
    EXPECT_TRUE(first.process.kill());
    EXPECT_TRUE(next.granted());
    EXPECT_EQ(next.got().seat, first.held().seat);
    EXPECT_GT(next.got().token, first.held().token);
    next.done();
    expect_whole(set);
}

TEST_P(HolderKilled, LeavesItsPermitToWhoeverComesLater) {
    watchdog guard{120s};
    scene set(options(1));
    holder first(set);
    EXPECT_TRUE(first.process.kill());
    expect_served(set);
    expect_whole(set);
}

TEST_P(HolderKilled, LeavesItsPermitAlsoWhenItHeldItWithoutRenewal) {
    watchdog guard{120s};
    auto manual = options(1);
    manual.renewal = renewal::manual;
    scene set(manual);
    holder first(set);
    waiter next(set);
    EXPECT_TRUE(first.process.kill());
    EXPECT_TRUE(next.granted());
    next.done();
    expect_whole(set);
}

TEST_P(HolderKilled, LeavesAllItsPermitsWhenItHeldSeveralAndInSeveralLeases) {
    watchdog guard{120s};
    scene set(options(5));
    shared<flag> holds;
    auto first = fork_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        const lease three = permits.acquire({.permits = 3});
        const lease one = permits.acquire();
        const lease another = permits.acquire();
        holds->raise();
        flag never;
        never.wait();
    });
    holds->wait();
    waiter next(set, 5);
    EXPECT_TRUE(first.kill());
    EXPECT_TRUE(next.granted());
    next.done();
    expect_whole(set);
}

TEST_P(HolderKilled, TogetherWithAllOthersLeavesThePermitsToTheWaitersInOrder) {
    watchdog guard{120s};
    scene set(options(4));
    std::deque<holder> holders;
    for (int i = 0; i < 4; ++i) holders.emplace_back(set);
    std::deque<waiter> waiters;
    for (int i = 0; i < 6; ++i) waiters.emplace_back(set);
    for (const auto& one : holders) one.process.send(SIGKILL);
    for (auto& one : holders) EXPECT_EQ(one.process.wait_signal(), SIGKILL);

    std::vector<std::uint32_t> seats;
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_TRUE(waiters[i].granted());
        seats.push_back(waiters[i].got().seat);
    }
    std::sort(seats.begin(), seats.end());
    EXPECT_EQ(seats, (std::vector<std::uint32_t>{0, 1, 2, 3}));
    EXPECT_FALSE(waiters[4].answered());
    EXPECT_FALSE(waiters[5].answered());
    for (std::size_t i = 0; i < 4; ++i) waiters[i].done();
    for (std::size_t i = 4; i < 6; ++i) {
        EXPECT_TRUE(waiters[i].granted());
        waiters[i].done();
    }
    EXPECT_EQ(set.look().stats.inversions, 0U);
    expect_whole(set);
}

TEST_P(HolderKilled, GivesBackOnlyItsOwnPermit) {
    watchdog guard{120s};
    scene set(options(2));
    holder dies(set);
    holder lives(set);
    waiter next(set);
    EXPECT_TRUE(dies.process.kill());
    EXPECT_TRUE(next.granted());
    EXPECT_EQ(next.got().seat, dies.held().seat);
    EXPECT_EQ(set.look().stats.acquired, 2U);
    lives.let_go();
    next.done();
    expect_whole(set);
}

TEST_P(HolderKilled, OneAfterTheOtherNeverBreaksTheChain) {
    watchdog guard{120s};
    scene set(options(1));
    auto before = std::make_unique<holder>(set);
    for (int i = 0; i < rounds(20); ++i) {
        waiter next(set);
        EXPECT_TRUE(before->process.kill());
        ASSERT_TRUE(next.granted());
        before.reset();
        next.done();
        before = std::make_unique<holder>(set);
    }
    before->let_go();
    expect_whole(set);
}

std::string name_of(const ::testing::TestParamInfo<duration>& info) {
    return info.param == forever ? "Forever" : "ForTenHours";
}

INSTANTIATE_TEST_SUITE_P(Leased, HolderKilled, ::testing::Values(forever, duration(10h)), name_of);

TEST(ManyHolders, MoreThanTheKernelWatchesInOneCallAllGiveBack) {
    watchdog guard{240s};
    // FUTEX_WAITV takes 128 words; with more processes than that somebody must still watch everyone.
    constexpr int kHolders = 150;
    scene set(unexpiring(kHolders),
              {.processes = 256, .semaphores = 1, .permits = 2 * kHolders, .waiters = 4, .tenants = 1});
    std::deque<holder> holders;
    for (int i = 0; i < kHolders; ++i) holders.emplace_back(set);
    waiter next(set, kHolders);
    for (const auto& one : holders) one.process.send(SIGKILL);
    for (auto& one : holders) EXPECT_EQ(one.process.wait_signal(), SIGKILL);
    EXPECT_TRUE(next.granted());
    next.done();
    expect_whole(set);
}

TEST(ManyHolders, OneDeathAmongManyIsNoticedWhileTheOthersLiveOn) {
    watchdog guard{240s};
    constexpr int kHolders = 150;
    scene set(unexpiring(kHolders),
              {.processes = 256, .semaphores = 1, .permits = 2 * kHolders, .waiters = 4, .tenants = 1});
    std::deque<holder> holders;
    for (int i = 0; i < kHolders; ++i) holders.emplace_back(set);
    std::deque<waiter> heirs;
    for (const std::size_t index : {0U, 75U, 149U}) {
        heirs.emplace_back(set);
        EXPECT_TRUE(holders[index].process.kill());
        EXPECT_TRUE(heirs.back().granted());
        EXPECT_EQ(heirs.back().got().seat, holders[index].held().seat);
    }
    EXPECT_EQ(set.look().stats.acquired, static_cast<std::uint32_t>(kHolders));
    for (auto& heir : heirs) heir.done();
}

TEST(ManyHolders, ADeathIsNoticedByTheWaiterThoughMostProcessesAreStopped) {
    watchdog guard{240s};
    constexpr int kBystanders = 30;
    scene set(unexpiring(1), {.processes = 64, .semaphores = 1, .permits = 4, .waiters = 4, .tenants = 1});
    // First in the table, so that all the others lie between it and the holder.
    shared<flag> attached;
    shared<flag> go;
    auto next = fork_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        EXPECT_TRUE(permits.acquire().release());
        attached->raise();
        go->wait();
        auto mine = permits.try_acquire_for(liveness_bound);
        EXPECT_TRUE(mine);
    });
    attached->wait();
    std::vector<child> bystanders;
    for (int i = 0; i < kBystanders; ++i) {
        attached->lower();
        bystanders.push_back(fork_child([&] {
            segment home = set.open();
            EXPECT_TRUE(home.find(scene::permits).acquire().release());
            attached->raise();
            flag never;
            never.wait();
        }));
        attached->wait();
    }
    holder first(set);
    go->raise();
    ASSERT_TRUE(set.queued(1));
    for (auto& one : bystanders) freeze_when_still(one);
    EXPECT_TRUE(first.process.kill());
    EXPECT_EQ(next.wait_exit(), 0);
    bystanders.clear();
    expect_whole(set);
}

TEST(HolderReport, CountsAReapedPermitAsReapedAndNotAsExpired) {
    watchdog guard{120s};
    scene set(unexpiring(2));
    holder first(set, 2);
    waiter next(set);
    EXPECT_TRUE(first.process.kill());
    EXPECT_TRUE(next.granted());
    next.done();
    const auto stats = set.look().stats;
    EXPECT_EQ(stats.total_reaped, 2U);
    EXPECT_EQ(stats.total_expired, 0U);
    expect_whole(set);
}

}  // namespace
}  // namespace shmsem::test
