#include <chrono>
#include <memory>
#include <string>

#include "crash/actors.hpp"
#include "crash/stepping.hpp"

// Killed after any instruction, where the segment itself comes or goes, and where what was done can be told from what was not.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using marks = stepped_process::marks;

class AfterAnyInstruction : public LedProcesses {};

TEST_F(AfterAnyInstruction, OfACreationThereIsNothingOrAWholeSegment) {
    watchdog guard{all_day};
    bool made = false;
    path way;
    const auto once = [&](long most) {
        const test_name name("made");
        stepped_process dies([&](const marks& at) {
            at.begin();
            const segment home = segment::create(name.name(), crash_limits);
            at.end();
        });
        const long done = dies.step_along(way, most);
        dies.expect_killed();
        made = files_of(name.name()) == 1;
        in_child([&] {
            segment home = made ? segment::open(name.name()) : segment::create(name.name(), crash_limits);
            expect_usable(home);
            expect_only_the_living(home);
        });
        EXPECT_EQ(files_of(name.name()), 1U);
        return done;
    };
    const long total = once(whole_way);
    EXPECT_TRUE(made);
    die_throughout(total, rounds(100), once);
}

TEST_F(AfterAnyInstruction, OfARemovalTheSegmentIsThereOrCanBeMadeAnew) {
    watchdog guard{all_day};
    path way;
    const auto once = [&](long most) {
        const scene set;
        holder holds(set);
        waiter waits(set);
        stepped_process dies([&](const marks& at) {
            at.begin();
            (void)segment::remove(set.name());
            at.end();
        });
        const long done = dies.step_along(way, most);
        dies.expect_killed();
        // Who was attached goes on in the one that they share.
        holds.let_go();
        EXPECT_TRUE(waits.granted());
        waits.done();
        in_child([&] {
            segment home = segment::open_or_create(set.name(), crash_limits);
            expect_usable(home);
            expect_only_the_living(home);
        });
        return done;
    };
    die_throughout(once(whole_way), rounds(40), once);
}

TEST_F(AfterAnyInstruction, OfAPostThatServesAWaiterTheUnitIsPostedOrNot) {
    watchdog guard{all_day};
    const scene set;
    const auto units = [&] { return set.open().ownerless("units", {}); };
    bool posted = false;
    path way;
    const auto once = [&](long most) {
        stepped_process dies([&](const marks& at) {
            auto mine = units();
            EXPECT_FALSE(mine.try_acquire());
            at.begin();
            mine.release();
            at.end();
        });
        auto takes = fork_child([&] {
            auto mine = units();
            EXPECT_TRUE(mine.try_acquire_for(liveness_bound)) << "the unit is lost";
        });
        in_child([&] { EXPECT_TRUE(queued(units(), 1)); });
        const long done = dies.step_along(way, most);
        dies.expect_killed();
        shared<std::atomic<bool>> one_more{false};
        in_child([&] {
            auto mine = units();
            mine.release();
            // One unit is for the waiter; a second one is there if the dead process had posted its own.
            EXPECT_TRUE(eventually([&] { return mine.stats().waiting == 0; }));
            one_more->store(mine.try_acquire());
            EXPECT_FALSE(mine.try_acquire());
        });
        EXPECT_EQ(takes.wait_exit(), 0);
        posted = one_more->load();
        return done;
    };
    const long total = once(whole_way);
    EXPECT_TRUE(posted);
    long latest_not = -1;
    long first_posted = total;
    die_throughout(total, rounds(100), [&](long n) {
        const long done = once(n);
        if (posted) {
            first_posted = std::min(first_posted, done);
        } else {
            latest_not = std::max(latest_not, done);
        }
        EXPECT_LE(latest_not, first_posted + 3) << "posted after fewer instructions, and not after more";
        return done;
    });
    expect_whole(set);
}

}  // namespace
}  // namespace shmsem::test
