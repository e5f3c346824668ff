#include <sched.h>

#include <atomic>
#include <functional>
#include <vector>

#include "demo_main/journal.hpp"
#include "demo_main/outcome.hpp"
#include "demo_main/work_table.hpp"
#include "support/shmsem_test.hpp"

// The demo is believed when it says that nothing was lost; so here it is shown what it must notice.

namespace demo {
namespace {

using namespace std::chrono_literals;
using shmsem::test::fork_child;

constexpr life_id alice(0, 0, 0);
constexpr life_id bob(1, 0, 0);

TEST(DemoWorkTable, HandsOutEachPieceOnce) {
    work_table table(3, 2);
    ASSERT_EQ(table.size(), 6U);
    std::vector<bool> seen(6);
    for (int i = 0; i < 6; ++i) {
        const auto item = table.claim(i % 2 == 0 ? alice : bob);
        ASSERT_TRUE(item);
        EXPECT_FALSE(seen[*item]);
        seen[*item] = true;
        EXPECT_TRUE(table.commit(*item, i % 2 == 0 ? alice : bob, {.checksum = *item}));
    }
    EXPECT_FALSE(table.claim(alice));
    EXPECT_TRUE(table.all_done());
    EXPECT_EQ(table.duplicates(), 0U);
    for (std::size_t i = 0; i < 6; ++i) {
        EXPECT_EQ(table.result(i).checksum, i);
        EXPECT_EQ(table.file_of(i), i % 3);
    }
}

TEST(DemoWorkTable, GivesAPieceOfADeadLifeToSomebodyElse) {
    work_table table(1, 1);
    ASSERT_TRUE(table.claim(alice));
    EXPECT_EQ(table.claimed_by(alice), 0U);
    EXPECT_FALSE(table.claim(bob));
    EXPECT_FALSE(table.all_done());
    EXPECT_EQ(table.put_back(bob), 0U);
    EXPECT_EQ(table.put_back(alice), 1U);
    EXPECT_FALSE(table.claimed_by(alice));
    EXPECT_EQ(table.claim(bob), 0U);
    EXPECT_TRUE(table.commit(0, bob, {.checksum = 7}));
    EXPECT_EQ(table.put_back(bob), 0U) << "what is done stays done";
    EXPECT_TRUE(table.done(0));
}

TEST(DemoWorkTable, CountsAResultThatComesASecondTime) {
    work_table table(1, 1);
    ASSERT_TRUE(table.claim(alice));
    table.put_back(alice);  // wrongly: she lives
    ASSERT_TRUE(table.claim(bob));
    EXPECT_FALSE(table.commit(0, alice, {}));
    EXPECT_TRUE(table.commit(0, bob, {}));
    EXPECT_EQ(table.duplicates(), 1U);
}

TEST(DemoWorkTable, LosesNothingWhenWorkersAreKilledAnywhere) {
    shmsem::test::watchdog guard{120s};
    constexpr std::size_t kItems = 4'000;
    work_table table(kItems, 1);
    for (int life = 0; !table.all_done(); ++life) {
        const life_id me(0, 0, life);
        const std::size_t before = table.done_so_far();
        auto worker = fork_child([&] {
            while (const auto item = table.claim(me)) {
                ::sched_yield();  // most of its time it has one in work
                table.commit(*item, me, {.checksum = *item + 1});
            }
        });
        if (before + 800 < kItems) {
            while (table.done_so_far() < before + 397) ::sched_yield();
            worker.kill();
        } else {
            worker.wait_exit();
        }
        table.put_back(me);
    }
    EXPECT_EQ(table.duplicates(), 0U);
    for (std::size_t i = 0; i < kItems; ++i) ASSERT_EQ(table.result(i).checksum, i + 1);
}

bool nobody_was_killed(life_id) { return false; }

TEST(DemoJournal, FindsNothingWrongInAnOrderlyRun) {
    journal leases(2, 100);
    const auto use = [&](life_id who, grant g) {
        leases.entered(who, g);
        leases.leaving(who, g);
    };
    use(alice, {.seat = 0, .token = 1, .ticket = 0});
    use(bob, {.seat = 1, .token = 1, .ticket = 2});
    use(alice, {.seat = 0, .token = 2, .ticket = 1});
    use(bob, {.seat = 0, .token = 4, .ticket = 3});
    const auto f = leases.check(nobody_was_killed);
    EXPECT_EQ(f.leases, 4U);
    EXPECT_EQ(f.queued, 3U);
    EXPECT_EQ(f.inversions, 0U);
    EXPECT_EQ(f.overlaps, 0U);
    EXPECT_EQ(f.lost, 0U);
    EXPECT_EQ(f.not_recorded, 0U);
}

TEST(DemoJournal, FindsAnInversion) {
    journal leases(1, 100);
    // Written down in another order than granted: by token it is 5, 4.
    for (const grant g : {grant{0, 8, 4}, grant{0, 7, 5}}) {
        leases.entered(alice, g);
        leases.leaving(alice, g);
    }
    EXPECT_EQ(leases.check(nobody_was_killed).inversions, 1U);
}

TEST(DemoJournal, FindsAPermitHeldTwiceAtOnce) {
    journal leases(1, 100);
    leases.entered(alice, {.seat = 0, .token = 1});
    leases.entered(bob, {.seat = 0, .token = 2});
    leases.leaving(alice, {.seat = 0, .token = 1});
    EXPECT_EQ(leases.check(nobody_was_killed).overlaps, 2U) << "bob met her, and she found him in her place";
}

TEST(DemoJournal, FindsOnePermitTooMany) {
    journal leases(1, 100);
    leases.entered(alice, {.seat = 1, .token = 1});
    EXPECT_EQ(leases.check(nobody_was_killed).overlaps, 1U);
}

TEST(DemoJournal, LetsTheSeatOfTheKilledBeTaken) {
    journal leases(1, 100);
    leases.entered(alice, {.seat = 0, .token = 1});
    leases.entered(bob, {.seat = 0, .token = 2});
    leases.leaving(bob, {.seat = 0, .token = 2});
    EXPECT_EQ(leases.check([](life_id who) { return who == alice; }).overlaps, 0U);
    EXPECT_EQ(leases.check(nobody_was_killed).overlaps, 1U);
}

TEST(DemoJournal, TellsWhenASeatWasLeasedAgain) {
    journal leases(2, 3);
    leases.entered(alice, {.seat = 0, .token = 5});
    leases.entered(bob, {.seat = 1, .token = 9});
    leases.entered(bob, {.seat = 0, .token = 6});
    EXPECT_TRUE(leases.next_lease(0, 5));
    EXPECT_FALSE(leases.next_lease(0, 6));
    EXPECT_FALSE(leases.next_lease(1, 9));
    EXPECT_GT(*leases.next_lease(0, 5), *leases.next_lease(0, 4)) << "the one right after it, not any later one";
    leases.entered(bob, {.seat = 0, .token = 7});
    EXPECT_EQ(leases.check(nobody_was_killed).not_recorded, 1U);
}

outcome good() {
    outcome o;
    o.directory = "somewhere";
    o.workers = 8;
    o.permits = 3;
    o.kills_wanted = 3;
    o.files_found = o.files_done = 100;
    o.passes = 1;
    o.rounds = 1;
    o.killed = o.restarted = o.taken_over = 3;
    o.reaped = 3;
    o.kill_to_grant = {200us, 300us, 1000us};
    o.cost = {.acquire_release = 8, .sem_wait_post = 4};
    return o;
}

TEST(DemoOutcome, IsRightOnlyIfEverythingIs) {
    EXPECT_TRUE(good().right());
    const std::vector<std::function<void(outcome&)>> faults{
        [](outcome& o) { o.files_done = 99; },
        [](outcome& o) { o.duplicates = 1; },
        [](outcome& o) { o.missing = 1; },
        [](outcome& o) { o.killed = 2; },
        [](outcome& o) { o.restarted = 2; },
        [](outcome& o) { o.failed = 1; },
        [](outcome& o) { o.in_use = 1; },
        [](outcome& o) { o.lost = 1; },
        [](outcome& o) { o.reaped = 2; },
        [](outcome& o) { o.overlaps = 1; },
        [](outcome& o) { o.leases_lost = 1; },
        [](outcome& o) { o.inversions_counted = 1; },
        [](outcome& o) { o.inversions_recorded = 1; },
        [](outcome& o) { o.never_granted = 1; },
        [](outcome& o) { o.broken_invariants.emplace_back("something"); },
    };
    for (std::size_t i = 0; i < faults.size(); ++i) {
        outcome o = good();
        faults[i](o);
        EXPECT_FALSE(o.right()) << "fault " << i;
        EXPECT_NE(text_of(o).find("WRONG"), std::string::npos);
    }
}

TEST(DemoOutcome, ReadsAsOneLineForEachQuestion) {
    const std::string text = text_of(good());
    for (const char* line : {
             "checksums of somewhere: 8 workers, 3 permits\n",
             "files           100 of 100 done, each exactly once (0 twice, 0 missing)\n",
             "workers         3 killed while they held a permit (3 asked for), 3 restarted, 0 failed\n",
             "permits         0 in use at the end, 0 lost (all 3 acquired at once), 3 taken back from the dead\n",
             "kill to grant   median 300 us, worst 1000 us, from SIGKILL to the next lease of that permit (3)\n",
             "cost            acquire + release 8.0 ns, sem_t wait + post 4.0 ns: 2.00 times\n",
             "result          all right\n",
         }) {
        EXPECT_NE(text.find(line), std::string::npos) << line << "is not in\n" << text;
    }
}

}  // namespace
}  // namespace demo
