#include <stop_token>
#include <thread>

#include "crash/actors.hpp"
#include "os/testing.hpp"

// Steps that come late, because their process was stopped, when what they are about is another's by then.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kOther = "other";

struct cues {
    flag took;
    flag marked;
    flag go_on;
};
cues* of_the_late_one = nullptr;

void be_late_at(const char* point, cues& when) {
    of_the_late_one = &when;
    os::testing::call_at(point, [] {
        of_the_late_one->marked.raise();
        of_the_late_one->go_on.wait();
    });
}

// A waiter that is awake needs no ring to see that it was granted. It may be through with that grant, and stand with the same node in
// another queue, before its granter has taken the node out of the first one.
TEST(LateStep, OfAGranterLeavesAWaiterAloneThatHasGoneToAnotherQueue) {
    watchdog guard{120s};
    const scene set;
    in_child([&] { (void)set.open().semaphore(kOther, unexpiring(1)); });
    shared<cues> cue;

    holder other_holder(set, 1, {}, kOther);
    auto granter = fork_child([&] {
        segment home = set.open();
        lease mine = home.find(scene::permits).acquire();
        cue->took.raise();
        EXPECT_TRUE(eventually([&] { return home.find(scene::permits).stats().waiting == 1; }));
        be_late_at("grant.marked", *cue);
        EXPECT_TRUE(mine.release());
    });
    cue->took.wait();
    waiter before(set, 1, standing::queued, kOther);
    auto goes_on = fork_child([&] {
        segment home = set.open();
        std::stop_source stop;
        std::thread waker([&] {
            cue->marked.wait();
            stop.request_stop();  // the grant came first, and wins
        });
        EXPECT_TRUE(home.find(scene::permits).acquire({.stop = stop.get_token()}).release());
        waker.join();
        EXPECT_TRUE(home.find(kOther).try_acquire_for(liveness_bound));
    });
    EXPECT_TRUE(eventually([&] { return waits(set, kOther, goes_on.pid()); }));
    waiter behind(set, 1, standing::queued, kOther);
    cue->go_on.raise();
    EXPECT_EQ(granter.wait_exit(), 0);

    EXPECT_EQ(set.look(kOther).stats.waiting, 3U);
    EXPECT_EQ(set.look(kOther).waiters.size(), 3U);
    other_holder.let_go();
    EXPECT_TRUE(before.granted());
    before.done();
    EXPECT_EQ(goes_on.wait_exit(), 0);
    EXPECT_TRUE(behind.granted());
    behind.done();
    EXPECT_EQ(set.look().stats.inversions + set.look(kOther).stats.inversions, 0U);
    expect_whole(set);
}

// Without the kernel's signature nothing keeps another from taking over an entry whose owner has said that it leaves.
TEST(LateStep, OfOneWhoLeavesUnsignedDoesNotTouchTheNextOwnersLife) {
    watchdog guard{120s};
    const scene set;
    shared<cues> cue;
    auto leaves = fork_child([&] {
        os::testing::refuse(os::testing::syscall_kind::robust_list);
        segment home = set.open();
        EXPECT_TRUE(home.find(scene::permits).acquire().release());
        be_late_at("leave.marked", *cue);
        home = segment();
    });
    cue->marked.wait();
    in_child([&] { (void)set.open().reap(); });  // frees the entry
    holder next(set);
    cue->go_on.raise();
    EXPECT_EQ(leaves.wait_exit(), 0);
    EXPECT_EQ(set.look_around().processes.size(), 1U);
    EXPECT_EQ(set.look_around().processes.at(0).life, "alive");
    waiter due(set);
    EXPECT_TRUE(next.process.kill());
    EXPECT_TRUE(due.granted());
    due.done();
    expect_whole(set);
}

}  // namespace
}  // namespace shmsem::test
