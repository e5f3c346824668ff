#include "report/deadlock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "run_tool.hpp"
#include "support/shmsem_test.hpp"

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using report::deadlock;
using report::find_deadlocks;
using report::segment_sample;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// Scenes of processes that have one thread each, by number, and of semaphores by name.
class scene {
   public:
    scene& semaphore(const std::string& name, std::uint32_t permits, const std::vector<std::uint32_t>& held_by,
                     const std::vector<waiter_info>& waiters) {
        semaphore_snapshot s;
        s.name = name;
        s.ttl = s.max_hold = forever;
        s.stats.capacity = permits;
        s.stats.acquired = static_cast<std::uint32_t>(held_by.size());
        s.stats.available = std::int64_t{permits} - std::int64_t{s.stats.acquired};
        for (const std::uint32_t pid : held_by) {
            holder_info holder;
            holder.seat = static_cast<std::uint32_t>(s.holders.size());
            holder.token = 1;
            holder.pid = holder.tid = pid;
            holder.ttl_left = forever;
            holder.state = "held";
            holder.life = "alive";
            s.holders.push_back(holder);
        }
        s.waiters = waiters;
        for (std::size_t i = 0; i < waiters.size(); ++i) s.waiters[i].ticket = i + 1;
        home.semaphores.push_back(s);
        return *this;
    }
    [[nodiscard]] std::vector<deadlock> deadlocks() const {
        return find_deadlocks({{.name = "s", .reaped = 0, .contents = home}});
    }
    semaphore_snapshot& last() { return home.semaphores.back(); }

    segment_snapshot home;
};

waiter_info waits(std::uint32_t pid, std::uint32_t permits = 1) {
    waiter_info w;
    w.pid = w.tid = pid;
    w.permits = permits;
    return w;
}

std::vector<std::uint32_t> pids(const std::vector<report::stuck_thread>& threads) {
    std::vector<std::uint32_t> result;
    for (const auto& one : threads) result.push_back(one.thread.pid);
    return result;
}

TEST(Deadlock, TwoThatWaitForEachOtherAreOne) {
    const auto found = scene().semaphore("a", 1, {1}, {waits(2)}).semaphore("b", 1, {2}, {waits(1)}).deadlocks();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_THAT(pids(found[0].members), UnorderedElementsAre(1, 2));
    EXPECT_THAT(found[0].blocked, IsEmpty());
    const auto& two = found[0].members[0];
    EXPECT_EQ(two.thread.pid, 2U) << "it waits in the first semaphore";
    EXPECT_EQ(two.waits.semaphore, "a");
    ASSERT_THAT(two.holds, SizeIs(1));
    EXPECT_EQ(two.holds[0].semaphore, "b");
}

TEST(Deadlock, NobodyIsStuckWhileNobodyWaitsInACircle) {
    EXPECT_THAT(scene().deadlocks(), IsEmpty());
    EXPECT_THAT(scene().semaphore("a", 1, {1}, {waits(2), waits(3)}).deadlocks(), IsEmpty());
    EXPECT_THAT(scene().semaphore("a", 1, {1}, {waits(2)}).semaphore("b", 1, {2}, {waits(3)}).deadlocks(), IsEmpty());
}

TEST(Deadlock, OneThatWaitsForItsOwnPermitIsOne) {
    const auto found = scene().semaphore("a", 1, {1}, {waits(1)}).deadlocks();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_THAT(pids(found[0].members), ElementsAre(1));
}

TEST(Deadlock, ACircleIsNoneWhenAnotherPermitIsHeldBySomebodyFree) {
    const auto found = scene().semaphore("a", 2, {1, 9}, {waits(2)}).semaphore("b", 1, {2}, {waits(1)}).deadlocks();
    EXPECT_THAT(found, IsEmpty()) << "9 does not wait, and will give its permit of a to 2";
}

TEST(Deadlock, ACircleIsNoneWhenAPermitIsFree) {
    EXPECT_THAT(scene().semaphore("a", 2, {1}, {waits(2)}).semaphore("b", 1, {2}, {waits(1)}).deadlocks(), IsEmpty())
        << "it is about to be granted";
}

TEST(Deadlock, AKnotOfCountingSemaphoresIsOneAlthoughEachPermitHasSeveralWays) {
    // Each of the two semaphores has two permits; each of the four waits for any permit of the other one.
    const auto found =
        scene().semaphore("a", 2, {1, 2}, {waits(3), waits(4)}).semaphore("b", 2, {3, 4}, {waits(1), waits(2)}).deadlocks();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_THAT(pids(found[0].members), UnorderedElementsAre(1, 2, 3, 4));
}

TEST(Deadlock, AKnotComesApartWhenOneOfItsHoldersIsFree) {
    EXPECT_THAT(scene()
                    .semaphore("a", 2, {1, 2}, {waits(3), waits(4)})
                    .semaphore("b", 3, {3, 4, 9}, {waits(1), waits(2)})
                    .deadlocks(),
                IsEmpty());
}

TEST(Deadlock, AWaiterForSeveralPermitsNeedsThemAll) {
    // 1 holds one permit of two and wants two more: its own never comes back while it waits.
    const auto found = scene().semaphore("a", 3, {1, 9}, {waits(1, 3)}).deadlocks();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_THAT(pids(found[0].members), ElementsAre(1));
    EXPECT_THAT(scene().semaphore("a", 3, {1, 9}, {waits(1, 2)}).deadlocks(), IsEmpty()) << "9 gives back the other one";
}

TEST(Deadlock, AQueueIsPartOfItSinceNobodyIsOvertaken) {
    // 2 wants both permits of a, of which 1 holds one; 3 stands behind 2 and holds b, which 1 wants.
    const auto found =
        scene().semaphore("a", 2, {1}, {waits(2, 2), waits(3)}).semaphore("b", 1, {3}, {waits(1)}).deadlocks();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_THAT(pids(found[0].members), UnorderedElementsAre(1, 2, 3));
}

TEST(Deadlock, ThoseBehindItAreNamedApart) {
    const auto found = scene()
                           .semaphore("a", 1, {1}, {waits(2), waits(5)})
                           .semaphore("b", 1, {2}, {waits(1)})
                           .semaphore("c", 1, {5}, {waits(6)})
                           .semaphore("d", 1, {9}, {waits(8)})
                           .deadlocks();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_THAT(pids(found[0].members), UnorderedElementsAre(1, 2));
    EXPECT_THAT(pids(found[0].blocked), UnorderedElementsAre(5, 6)) << "8 is served when 9 releases";
}

TEST(Deadlock, ACircleThatOnlyWaitsForAnotherOneIsBlockedByIt) {
    // 3 and 4 wait for each other's semaphore, but 1 holds a permit of one of these too: when it goes on, they do.
    const auto found = scene()
                           .semaphore("a", 1, {1}, {waits(2)})
                           .semaphore("b", 1, {2}, {waits(1)})
                           .semaphore("c", 2, {1, 3}, {waits(4)})
                           .semaphore("d", 1, {4}, {waits(3)})
                           .deadlocks();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_THAT(pids(found[0].members), UnorderedElementsAre(1, 2));
    EXPECT_THAT(pids(found[0].blocked), UnorderedElementsAre(3, 4));
}

TEST(Deadlock, SeveralAreToldApart) {
    const auto found = scene()
                           .semaphore("a", 1, {1}, {waits(2)})
                           .semaphore("b", 1, {2}, {waits(1)})
                           .semaphore("c", 1, {3}, {waits(4)})
                           .semaphore("d", 1, {4}, {waits(3)})
                           .deadlocks();
    ASSERT_THAT(found, SizeIs(2));
    EXPECT_THAT(found[0].members, SizeIs(2));
    EXPECT_THAT(found[1].members, SizeIs(2));
}

TEST(Deadlock, ItsMembersAreInTheOrderInWhichTheyWaitForEachOther) {
    const auto found = scene()
                           .semaphore("a", 1, {1}, {waits(4)})
                           .semaphore("b", 1, {2}, {waits(1)})
                           .semaphore("c", 1, {3}, {waits(2)})
                           .semaphore("d", 1, {4}, {waits(3)})
                           .deadlocks();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_THAT(pids(found[0].members), ElementsAre(4, 1, 2, 3));
}

TEST(Deadlock, NoneWhereTimeOrAnybodyElseResolvesTheWait) {
    const auto circle = [] { return scene().semaphore("a", 1, {1}, {waits(2)}).semaphore("b", 1, {2}, {waits(1)}); };
    ASSERT_THAT(circle().deadlocks(), SizeIs(1));

    auto paused = circle();
    paused.last().paused = true;
    EXPECT_THAT(paused.deadlocks(), IsEmpty()) << "anybody may resume it";
    auto ownerless = circle();
    ownerless.last().kind = kind::ownerless;
    EXPECT_THAT(ownerless.deadlocks(), IsEmpty()) << "anybody may post to it";
    auto bounded = circle();
    bounded.last().max_hold = 1h;
    EXPECT_THAT(bounded.deadlocks(), IsEmpty()) << "the lease ends whatever its holder does";
    auto by_hand = circle();
    by_hand.last().renewal = renewal::manual;
    EXPECT_THAT(by_hand.deadlocks(), SizeIs(1)) << "without a ttl there is nothing to renew";
    by_hand.last().holders[0].ttl_left = 3s;
    EXPECT_THAT(by_hand.deadlocks(), IsEmpty()) << "who waits does not renew";
    auto renewed = circle();
    renewed.last().holders[0].ttl_left = 3s;
    EXPECT_THAT(renewed.deadlocks(), SizeIs(1)) << "the background thread renews while its process lives";
    auto dead = circle();
    dead.last().holders[0].life = "dead";
    EXPECT_THAT(dead.deadlocks(), IsEmpty()) << "its permit is about to be taken back";
    auto detached = circle();
    detached.last().holders[0].state = "detached";
    EXPECT_THAT(detached.deadlocks(), IsEmpty()) << "an adopter may release it";
}

TEST(Deadlock, APermitThatRetiresIsNobodysHope) {
    auto found = scene().semaphore("a", 1, {1, 9}, {waits(2)}).semaphore("b", 1, {2}, {waits(1)});
    found.home.semaphores[0].stats.available = 0;
    found.home.semaphores[0].holders[1].state = "retiring";
    EXPECT_THAT(found.deadlocks(), SizeIs(1)) << "what 9 releases is closed";
}

TEST(Deadlock, AnotherThreadOfAProcessMayRelease) {
    auto found = scene().semaphore("a", 1, {1}, {waits(2)}).semaphore("b", 1, {2}, {waits(1)});
    found.home.semaphores[1].waiters[0].tid = 77;
    EXPECT_THAT(found.deadlocks(), IsEmpty());
}

TEST(Deadlock, TheSamePidInAnotherNamespaceIsSomebodyElse) {
    auto found = scene().semaphore("a", 1, {1}, {waits(2)}).semaphore("b", 1, {2}, {waits(1)});
    process_info here;
    here.index = 4;
    here.pid = 1;
    here.pid_namespace = 100;
    process_info there = here;
    there.index = 5;
    there.pid_namespace = 200;
    found.home.processes = {here, there};
    found.home.semaphores[0].holders[0].process = 4;
    found.home.semaphores[1].waiters[0].process = 4;
    EXPECT_THAT(found.deadlocks(), SizeIs(1));
    found.home.semaphores[1].waiters[0].process = 5;
    EXPECT_THAT(found.deadlocks(), IsEmpty());
}

TEST(Deadlock, ReachesAcrossSegments) {
    auto left = scene().semaphore("a", 1, {1}, {waits(2)});
    auto right = scene().semaphore("a", 1, {2}, {waits(1)});
    left.home.name = "left";
    right.home.name = "right";
    EXPECT_THAT(left.deadlocks(), IsEmpty());
    const auto found = find_deadlocks({{.name = "left", .reaped = 0, .contents = left.home},
                                       {.name = "torn", .reaped = 0, .contents = report::failure{}},
                                       {.name = "right", .reaped = 0, .contents = right.home}});
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].members[0].waits.segment, "left");
    EXPECT_EQ(found[0].members[0].holds[0].segment, "right");
}

TEST(Deadlock, IsOneOnlyIfItIsThereAtASecondLook) {
    auto found = scene().semaphore("a", 1, {1}, {waits(2)}).semaphore("b", 1, {2}, {waits(1)});
    const auto before = found.deadlocks();
    EXPECT_THAT(persisting(before, found.deadlocks()), SizeIs(1));
    EXPECT_THAT(persisting({}, found.deadlocks()), IsEmpty());
    found.home.semaphores[0].waiters[0].ticket = 9;
    EXPECT_THAT(persisting(before, found.deadlocks()), IsEmpty()) << "that one has been served meanwhile, and waits again";
}

TEST(Deadlock, IsFoundAmongThousandsInALongLine) {
    scene big;
    std::vector<waiter_info> line;
    for (std::uint32_t pid = 2; pid < 20'000; ++pid) line.push_back(waits(pid));
    big.semaphore("a", 1, {1}, line).semaphore("b", 1, {19'999}, {waits(1)});
    const auto found = big.deadlocks();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_THAT(found[0].members, SizeIs(19'999)) << "the last of the line holds what the first waits for";
}

TEST(Deadlock, OfRealProcessesIsInTheOutputWithItsMembers) {
    watchdog guard{60s};
    test_segment left;
    test_segment right;
    auto a = left->semaphore("a", {.permits = 1, .ttl = forever});
    auto b = right->semaphore("b", {.permits = 1, .ttl = forever});
    shared<barrier> both(2U);
    const auto crossing = [&](semaphore& first, semaphore& second) {
        return fork_child([&] {
            const lease mine = first.acquire();
            both->arrive_and_wait();
            const lease never = second.acquire();
            for (;;) ::pause();
        });
    };
    auto one = crossing(a, b);
    auto two = crossing(b, a);
    ASSERT_TRUE(queued(a, 1) && queued(b, 1));
    const auto behind = fork_child([&] { const lease never = a.acquire(); });
    ASSERT_TRUE(queued(a, 2));

    const auto result = run_tool("semtop", {"--json", left.name(), right.name()});
    ASSERT_EQ(result.status, 0) << result.err;
    const auto found = nlohmann::json::parse(result.out)["deadlocks"];
    ASSERT_EQ(found.size(), 1U) << result.out;
    ASSERT_EQ(found[0]["members"].size(), 2U);
    for (const auto& member : found[0]["members"]) {
        const bool is_one = member["pid"] == one.pid();
        EXPECT_TRUE(is_one || member["pid"] == two.pid());
        EXPECT_EQ(member["holds"][0]["semaphore"], is_one ? "a" : "b");
        EXPECT_EQ(member["waits"]["semaphore"], is_one ? "b" : "a");
    }
    ASSERT_EQ(found[0]["blocked"].size(), 1U);
    EXPECT_EQ(found[0]["blocked"][0]["pid"], behind.pid());

    // One alone sees no circle: what the other segment holds is not known.
    EXPECT_EQ(nlohmann::json::parse(run_tool("semtop", {"--json", left.name()}).out)["deadlocks"].size(), 0U);
    two.kill();
    one.kill();
}

}  // namespace
}  // namespace shmsem::test
