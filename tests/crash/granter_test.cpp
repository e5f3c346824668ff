#include <string>
#include <vector>

#include "crash/actors.hpp"
#include "os/testing.hpp"

// A grant of several permits is all or none, whoever dies at whichever of its steps: the one who grants, the one who is
// granted, both, or the one who repairs what they left.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kPermits = 5;
constexpr std::int64_t kWanted = 3;

void holds_three_and_releases(const stage& on) {
    segment home = on.open();
    lease held = home.find(scene::permits).acquire({.permits = kWanted});
    on.ready();
    held.release();
}

void holds_all_and_releases(const stage& on) {
    segment home = on.open();
    lease held = home.find(scene::permits).acquire({.permits = kPermits});
    on.ready();
    held.release();
}

void waits_for_three(const stage& on) {
    segment home = on.open();
    auto permits = home.find(scene::permits);
    on.ready();
    (void)permits.acquire({.permits = kWanted});
}

void comes_for_all(const stage& on) {
    segment home = on.open();
    auto permits = home.find(scene::permits);
    on.ready();
    (void)permits.acquire({.permits = kPermits});
}

/// While `three` has its grant, the other two permits are free and not one more.
void expect_two_left(const scene& set) {
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        EXPECT_EQ(permits.available(), kPermits - kWanted);
        auto rest = permits.try_acquire_for(liveness_bound, {.permits = kPermits - kWanted});
        EXPECT_TRUE(rest);
        EXPECT_FALSE(permits.try_acquire());
        EXPECT_FALSE(permits.try_acquire({.permits = 2}));
    });
}

struct step {
    const char* point;
    int nth;
};

std::string name_of(const ::testing::TestParamInfo<step>& info) {
    std::string name = "At_" + std::string(info.param.point) + "_" + std::to_string(info.param.nth);
    for (char& c : name) {
        if (c == '.') c = '_';
    }
    return name;
}

class WeightedGrant : public ::testing::TestWithParam<step> {
   protected:
    [[nodiscard]] const char* point() const { return GetParam().point; }
    [[nodiscard]] int nth() const { return GetParam().nth; }
    scene set{unexpiring(kPermits)};
};

TEST_P(WeightedGrant, IsWholeWhenTheReleaserThatGrantsItIsKilled) {
    watchdog guard{120s};
    victim releaser(set, holds_three_and_releases, point(), nth());
    waiter three(set, kWanted);
    releaser.dies_unobserved_by({&three.process});
    ASSERT_TRUE(three.granted());
    expect_two_left(set);
    three.done();
    expect_whole(set);
}

TEST_P(WeightedGrant, IsWholeAndTheNextInLineServedWhenOthersWaitBehindIt) {
    watchdog guard{120s};
    victim releaser(set, holds_all_and_releases, point(), nth());
    waiter three(set, kWanted);
    waiter one(set);
    waiter another(set);
    waiter last(set, kPermits);
    releaser.dies_unobserved_by({&three.process, &one.process, &another.process, &last.process});
    EXPECT_TRUE(three.granted());
    EXPECT_TRUE(one.granted());
    EXPECT_TRUE(another.granted());
    EXPECT_FALSE(last.answered());
    EXPECT_LT(three.got().ticket, one.got().ticket);
    three.done();
    one.done();
    another.done();
    EXPECT_TRUE(last.granted());
    last.done();
    expect_whole(set);
}

TEST_P(WeightedGrant, LeavesNothingBehindWhenGranterAndGrantedDieTogether) {
    watchdog guard{120s};
    shared<flag> holds;
    shared<flag> go;
    auto releaser = fork_child([&] {
        segment home = set.open();
        lease held = home.find(scene::permits).acquire({.permits = kPermits});
        holds->raise();
        go->wait();
        os::testing::die_at(point(), nth());
        held.release();
        ::raise(SIGKILL);  // somebody else was quicker to grant
    });
    holds->wait();
    waiter three(set, kWanted);
    waiter behind(set, kPermits);
    // The grant may begin, and end, with its receiver alive, dying or dead.
    go->raise();
    EXPECT_TRUE(three.process.kill());
    EXPECT_EQ(releaser.wait_signal(), SIGKILL);
    EXPECT_TRUE(behind.granted());
    behind.done();
    expect_whole(set);
}

TEST_P(WeightedGrant, IsUndoneOrDoneByTheFourthWhenThreeDieAtItInARow) {
    watchdog guard{120s};
    kill_during(set, comes_for_all, "grant.after_commit", 2);
    kill_during(set, comes_for_all, "lock.taken");
    kill_during(set, comes_for_all, point(), nth());
    expect_served(set, kPermits);
    expect_whole(set);
}

INSTANTIATE_TEST_SUITE_P(EveryStep, WeightedGrant,
                         ::testing::Values(step{"grant.before_commit", 1}, step{"grant.before_commit", 2},
                                           step{"grant.before_commit", 3}, step{"grant.after_commit", 1},
                                           step{"grant.after_commit", 2}, step{"grant.after_commit", 3},
                                           step{"grant.marked", 1}, step{"grant.unlinked", 1}, step{"grant.before_wake", 1},
                                           step{"lock.before_release", 1}),
                         name_of);

class WeightedRelease : public ::testing::TestWithParam<int> {};

TEST_P(WeightedRelease, GivesBackAllPermitsWhenKilledBetweenThem) {
    watchdog guard{120s};
    scene set(unexpiring(kPermits));
    victim releaser(set, holds_three_and_releases, "release.opened", GetParam());
    waiter all(set, kPermits);
    releaser.go();
    releaser.expect_killed();
    EXPECT_TRUE(all.granted());
    all.done();
    expect_whole(set);
}

INSTANTIATE_TEST_SUITE_P(AfterEachPermit, WeightedRelease, ::testing::Values(1, 2, 3));

class WeightedTakeOver : public ::testing::TestWithParam<step> {};

TEST_P(WeightedTakeOver, GivesBackAllPermitsWhenTheWaiterIsKilledBetweenThem) {
    watchdog guard{120s};
    scene set(unexpiring(kPermits));
    holder first(set, kPermits);
    victim three(set, waits_for_three, GetParam().point, GetParam().nth);
    three.go();
    ASSERT_TRUE(set.queued(1));
    waiter all(set, kPermits);
    first.let_go();
    three.expect_killed();
    EXPECT_TRUE(all.granted());
    all.done();
    expect_whole(set);
}

INSTANTIATE_TEST_SUITE_P(EveryStep, WeightedTakeOver, ::testing::Values(step{"wait.granted", 1}, step{"wait.taken", 1}),
                         name_of);

}  // namespace
}  // namespace shmsem::test
