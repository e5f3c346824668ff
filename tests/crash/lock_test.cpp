#include <string>
#include <vector>

#include "crash/actors.hpp"
#include "support/stillness.hpp"

// Deaths inside the critical section: the next one in repairs what it finds, also when that is the half-done repair of
// another who died at it.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

void releases(const stage& on) {
    segment home = on.open();
    lease held = home.find(scene::permits).acquire();
    on.ready();
    held.release();
}

void comes_for_one(const stage& on) {
    segment home = on.open();
    auto permits = home.find(scene::permits);
    on.ready();
    (void)permits.acquire();
}

void comes_for_all(const stage& on) {
    segment home = on.open();
    auto permits = home.find(scene::permits);
    on.ready();
    (void)permits.acquire({.permits = 2});
}

void gives_up(const stage& on) {
    segment home = on.open();
    auto permits = home.find(scene::permits);
    on.ready();
    EXPECT_FALSE(permits.try_acquire_for(20ms));
}

TEST(KilledInTheLock, IsCountedAsARecovery) {
    watchdog guard{120s};
    scene set(unexpiring(2));
    kill_during(set, comes_for_all, "lock.taken");
    expect_served(set, 2);
    EXPECT_GE(set.look().stats.recoveries, 1U);
    expect_whole(set);
}

TEST(KilledInTheLock, ManyTimesInARowLeavesItUsable) {
    watchdog guard{120s};
    scene set(unexpiring(2));
    const std::vector<const char*> points{"lock.taken",   "wait.locked",         "wait.enqueued",
                                          "wait.linked",  "grant.before_commit", "grant.after_commit",
                                          "grant.marked", "grant.unlinked",      "lock.before_release"};
    for (const char* point : points) kill_during(set, comes_for_all, point);
    for (int i = 0; i < 5; ++i) kill_during(set, comes_for_all, "lock.taken");
    expect_served(set, 2);
    expect_whole(set);
}

/// Where the first dies, holding the lock, and where the one dies who comes to repair.
struct pair_of_deaths {
    const char* first;
    const char* second;
};

std::string name_of(const ::testing::TestParamInfo<pair_of_deaths>& info) {
    std::string name = std::string(info.param.first) + "_Then_" + info.param.second;
    for (char& c : name) {
        if (c == '.') c = '_';
    }
    return name;
}

class KilledRepairing : public ::testing::TestWithParam<pair_of_deaths> {};

TEST_P(KilledRepairing, StillLeavesThePermitToTheWaiter) {
    watchdog guard{120s};
    scene set;
    victim granter(set, releases, GetParam().first);
    waiter due(set);
    // Frozen, so that its own process cannot repair anything before the second victim does.
    freeze_when_still(due.process);
    granter.go();
    granter.expect_killed();

    victim repairer(set, comes_for_one, GetParam().second);
    repairer.go();
    repairer.expect_killed();

    due.process.cont();
    EXPECT_TRUE(due.granted());
    due.done();
    expect_whole(set);
}

TEST_P(KilledRepairing, StillLeavesTheWaitersInOrder) {
    watchdog guard{120s};
    scene set;
    victim granter(set, releases, GetParam().first);
    waiter first(set);
    waiter second(set);
    freeze_when_still(first.process);
    freeze_when_still(second.process);
    granter.go();
    granter.expect_killed();

    victim repairer(set, comes_for_one, GetParam().second);
    repairer.go();
    repairer.expect_killed();

    second.process.cont();
    first.process.cont();
    EXPECT_TRUE(first.granted());
    EXPECT_FALSE(second.answered());
    first.done();
    EXPECT_TRUE(second.granted());
    second.done();
    expect_whole(set);
}

std::vector<pair_of_deaths> pairs() {
    std::vector<pair_of_deaths> all;
    for (const char* first : {"lock.taken", "grant.before_commit", "grant.after_commit", "grant.marked", "grant.unlinked",
                              "grant.before_wake", "lock.before_release"}) {
        for (const char* second : {"lock.taken", "wait.locked", "wait.linked", "lock.before_release", "lock.released"}) {
            all.push_back({first, second});
        }
    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(EveryPair, KilledRepairing, ::testing::ValuesIn(pairs()), name_of);

TEST(KilledRepairing, AQueueWithADeadWaiterInItLeavesTheLivingOnesInOrder) {
    watchdog guard{120s};
    scene set;
    holder first(set);
    waiter ahead(set);
    victim torn(set, comes_for_one, "wait.enqueued");  // in the count, not in the links
    freeze_when_still(ahead.process);
    freeze_when_still(first.process);
    torn.go();
    torn.expect_killed();
    kill_during(set, comes_for_one, "wait.linked");
    kill_during(set, gives_up, "wait.abandoned");
    first.process.cont();
    ahead.process.cont();
    waiter behind(set, 1);
    first.let_go();
    EXPECT_TRUE(ahead.granted());
    EXPECT_FALSE(behind.answered());
    ahead.done();
    EXPECT_TRUE(behind.granted());
    behind.done();
    expect_whole(set);
}

}  // namespace
}  // namespace shmsem::test
