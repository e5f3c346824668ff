#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "crash/actors.hpp"
#include "support/clock_shift.hpp"
#include "support/stillness.hpp"

// Every kill point of a leased semaphore, reached by every kind of deed that passes it. A victim is killed exactly there;
// then whoever is due a permit gets it, and afterwards everything is as if the victim had never been.
// (Points passed while a segment, a semaphore or a tenant is made: creator_test.cpp; of the ownerless kind: ownerless_test.cpp.)

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

/// When the one who is due a permit comes.
enum class audience {
    comes_after,    // when the victim is dead
    looks_on,       // is queued before the victim acts
    queues_behind,  // behind the victim, which queues first; the cue comes then
};

/// Who has the permits at first, if not the victim.
enum class keeper {
    nobody,
    lets_go_at_the_cue,    // which is what brings the victim to the point
    is_killed_at_the_cue,  // the same, but it dies
    lets_go_in_the_end,    // when the victim is dead
    holds_on,              // until the one in the audience has been served
    loses_it,              // by what the victim does; ends when the one in the audience has been served
};

struct deed {
    const char* name;
    deed_fn act;
    std::int64_t permits;
    audience who;
    keeper before;
    std::vector<const char*> points;
    int nth = 1;
    order how = order::fifo;
};

void takes_a_free_permit(const stage& on) {
    segment home = on.open();
    auto permits = home.find(scene::permits);
    on.ready();
    (void)permits.acquire();
}

// All of a thread's first pair that the next one does without is done; and it keeps its processor.
semaphore settled(segment& home) {
    os::testing::keep_processor();
    auto permits = home.find(scene::permits);
    (void)permits.acquire();
    return permits;
}

void takes_its_usual_permit(const stage& on) {
    segment home = on.open();
    auto permits = settled(home);
    on.ready();
    (void)permits.acquire();
}

void releases_as_usual(const stage& on) {
    segment home = on.open();
    auto permits = settled(home);
    lease held = permits.acquire();
    on.ready();
    held.release();
}

void attaches(const stage& on) {
    on.ready();
    (void)on.permits().acquire();
}

void leaves(const stage& on) {
    segment home = on.open();
    EXPECT_TRUE(home.find(scene::permits).acquire().release());
    on.ready();
    home = segment();
}

void releases(const stage& on) {
    segment home = on.open();
    lease held = home.find(scene::permits).acquire();
    on.ready();
    held.release();
}

void renews(const stage& on) {
    segment home = on.open();
    lease held = home.find(scene::permits).acquire({.ttl = 10h});
    const clock_shift later(1h);  // or there would be nothing to renew yet
    on.ready();
    held.renew();
}

void queues(const stage& on) {
    segment home = on.open();
    auto permits = home.find(scene::permits);
    on.ready();
    (void)permits.acquire();
}

void gives_up_in_time(const stage& on) {
    segment home = on.open();
    auto permits = home.find(scene::permits);
    on.ready();
    EXPECT_FALSE(permits.try_acquire_for(250ms));  // time enough to get into the queue, on a busy machine too
}

void is_cancelled(const stage& on) {
    segment home = on.open();
    auto permits = home.find(scene::permits);
    std::stop_source stop;
    std::thread canceller([&] {
        on.wait_for_cue();
        stop.request_stop();
    });
    on.ready();
    std::error_code ec;
    (void)permits.acquire({.stop = stop.get_token()}, ec);
    canceller.join();
}

void grants_itself_all_three(const stage& on) {
    segment home = on.open();
    auto permits = home.find(scene::permits);
    on.ready();
    (void)permits.acquire({.permits = 3});
}

void grows(const stage& on) {
    segment home = on.open();
    auto permits = home.find(scene::permits);
    on.ready();
    permits.resize(2);
}

void shrinks(const stage& on) {
    segment home = on.open();
    auto permits = home.find(scene::permits);
    on.ready();
    permits.resize(1);
}

void ends_a_lease(const stage& on) {
    segment home = on.open();
    auto permits = home.find(scene::permits);
    (void)permits.reap();  // attached by now
    const holder_info theirs = permits.inspect().holders.at(0);
    on.ready();
    (void)permits.end(theirs.seat, theirs.token);
}

void resumes(const stage& on) {
    segment home = on.open();
    auto permits = home.find(scene::permits);
    permits.pause();
    on.ready();
    permits.resume();
}

void reaps(const stage& on) {
    segment home = on.open();
    auto permits = home.find(scene::permits);
    shared<flag> holds;
    auto corpse = fork_child([&] {
        const lease mine = on.permits().acquire();
        holds->raise();
        flag never;
        never.wait();
    });
    holds->wait();
    (void)permits.reap();  // attached by now, and nothing to find yet
    on.ready();
    EXPECT_TRUE(corpse.kill());
    EXPECT_TRUE(eventually([&] {
        (void)permits.reap();
        return permits.available() > 0;
    }));
    EXPECT_TRUE(eventually([&] {
        (void)permits.reap();
        return home.inspect().processes.size() <= 1;
    }));
}

const std::vector<const char*> lock_points{"lock.taken", "lock.before_release", "lock.released"};
const std::vector<const char*> grant_points{"grant.before_commit", "grant.after_commit", "grant.marked", "grant.unlinked",
                                            "grant.before_wake"};
const std::vector<const char*> queue_points{"wait.node_claimed", "wait.locked", "wait.enqueued", "wait.linked",
                                            "wait.before_sleep"};

const std::vector<deed> deeds{
    {"TakesAFreePermit", takes_a_free_permit, 1, audience::comes_after, keeper::nobody, {"acquire.taken"}},
    {"TakesItsUsualPermit", takes_its_usual_permit, 1, audience::comes_after, keeper::nobody, {"acquire.taken"}},
    {"Attaches", attaches, 1, audience::comes_after, keeper::nobody, {"join.claimed", "join.life_locked", "join.alive"}},
    {"AttachesBesideOthers",
     attaches,
     1,
     audience::looks_on,
     keeper::lets_go_in_the_end,
     {"join.claimed", "join.life_locked", "join.alive"}},
    {"Leaves", leaves, 1, audience::comes_after, keeper::nobody, {"leave.marked", "leave.delisted"}},
    {"Releases", releases, 1, audience::looks_on, keeper::nobody, {"release.opened", "release.before_dispatch"}},
    {"ReleasesAsUsual",
     releases_as_usual,
     1,
     audience::looks_on,
     keeper::nobody,
     {"release.opened", "release.before_dispatch"}},
    {"ReleasesAsUsualInTheLock", releases_as_usual, 1, audience::looks_on, keeper::nobody, lock_points},
    {"ReleasesAsUsualAndGrants", releases_as_usual, 1, audience::looks_on, keeper::nobody, grant_points},
    {"ReleasesAsUsualWithNobodyWaiting", releases_as_usual, 1, audience::comes_after, keeper::nobody, {"release.opened"}},
    {"ReleasesInTheLock", releases, 1, audience::looks_on, keeper::nobody, lock_points},
    {"ReleasesAndGrants", releases, 1, audience::looks_on, keeper::nobody, grant_points},
    {"ReleasesWithNobodyWaiting", releases, 1, audience::comes_after, keeper::nobody, {"release.opened"}},
    {"Renews", renews, 1, audience::looks_on, keeper::nobody, {"renew.done"}},
    {"QueuesFirst", queues, 1, audience::comes_after, keeper::lets_go_in_the_end, queue_points},
    {"QueuesFirstInTheLock", queues, 1, audience::comes_after, keeper::lets_go_in_the_end, lock_points},
    {"QueuesSecond", queues, 1, audience::looks_on, keeper::lets_go_in_the_end, queue_points},
    {"QueuesSecondInTheLock", queues, 1, audience::looks_on, keeper::lets_go_in_the_end, lock_points},
    {"IsGranted", queues, 1, audience::queues_behind, keeper::lets_go_at_the_cue, {"wait.granted", "wait.taken"}},
    {"TimesOutLast", gives_up_in_time, 1, audience::looks_on, keeper::lets_go_in_the_end, {"wait.abandoned"}},
    {"TimesOutAlone", gives_up_in_time, 1, audience::comes_after, keeper::lets_go_in_the_end, {"wait.abandoned"}},
    {"IsCancelledInFront", is_cancelled, 1, audience::queues_behind, keeper::lets_go_in_the_end, {"wait.abandoned"}},
    {"GrantsItself", grants_itself_all_three, 3, audience::comes_after, keeper::nobody, grant_points},
    {"GrantsItselfTheSecond",
     grants_itself_all_three,
     3,
     audience::comes_after,
     keeper::nobody,
     {"grant.before_commit", "grant.after_commit"},
     2},
    {"GrantsItselfTheThird",
     grants_itself_all_three,
     3,
     audience::comes_after,
     keeper::nobody,
     {"grant.before_commit", "grant.after_commit"},
     3},
    {"RousesTheFirst",
     releases,
     1,
     audience::looks_on,
     keeper::nobody,
     {"rouse.flagged", "rouse.before_wake"},
     1,
     order::throughput},
    {"IsRoused", queues, 1, audience::queues_behind, keeper::lets_go_at_the_cue, {"wait.roused"}, 1, order::throughput},
    {"ClosesTheGate",
     queues,
     1,
     audience::looks_on,
     keeper::lets_go_in_the_end,
     {"wait.before_hurry"},
     1,
     order::throughput},
    {"ClosesTheGateForItself",
     queues,
     1,
     audience::comes_after,
     keeper::lets_go_in_the_end,
     {"wait.before_hurry"},
     1,
     order::throughput},
    {"HearsOfADeath",
     queues,
     1,
     audience::queues_behind,
     keeper::is_killed_at_the_cue,
     {"reap.entry_marked", "reap.slot_opened"}},
    {"IsGrantedAndSaysSo",
     queues,
     1,
     audience::queues_behind,
     keeper::lets_go_at_the_cue,
     {"event.numbered", "event.begun"}},
    {"EndsALease", ends_a_lease, 1, audience::looks_on, keeper::loses_it, {"end.opened"}},
    {"Resumes", resumes, 1, audience::looks_on, keeper::nobody, {"pause.flagged"}},
    {"Grows", grows, 1, audience::looks_on, keeper::holds_on, {"resize.stored", "resize.slot"}},
    {"GrowsInTheLock", grows, 1, audience::looks_on, keeper::lets_go_in_the_end, lock_points},
    {"Shrinks", shrinks, 3, audience::looks_on, keeper::lets_go_in_the_end, {"resize.stored", "resize.slot"}},
    {"ShrinksFurther", shrinks, 3, audience::looks_on, keeper::lets_go_in_the_end, {"resize.slot"}, 2},
    {"ShrinksUnused", shrinks, 3, audience::comes_after, keeper::nobody, {"resize.stored", "resize.slot"}},
    {"Reaps",
     reaps,
     1,
     audience::comes_after,
     keeper::nobody,
     {"reap.entry_marked", "reap.slot_opened", "reap.before_free"}},
};

struct row {
    const deed* what;
    const char* point;
};

std::vector<row> rows() {
    std::vector<row> all;
    for (const auto& one : deeds) {
        for (const char* point : one.points) all.push_back({&one, point});
    }
    return all;
}

/// "Releases", "lock.before_release" -> "ReleasesAt_lock_before_release"
std::string name_of(const ::testing::TestParamInfo<row>& info) {
    std::string name = std::string(info.param.what->name) + "At_" + info.param.point;
    for (char& c : name) {
        if (c == '.') c = '_';
    }
    return name;
}

class KilledAtAKillPoint : public ::testing::TestWithParam<row> {};

TEST_P(KilledAtAKillPoint, LosesNoPermitAndNoPlaceInTheQueue) {
    watchdog guard{120s};
    const deed& what = *GetParam().what;
    semaphore_options options = unexpiring(what.permits, 4);
    options.order = what.how;
    scene set(options);

    std::unique_ptr<holder> first;
    if (what.before != keeper::nobody) first = std::make_unique<holder>(set, what.permits);
    victim dies(set, what.act, GetParam().point, what.nth);
    std::unique_ptr<waiter> due;
    if (what.who == audience::looks_on) {
        // By the clocks of all others it has not come yet, so that with order::throughput its wait is not too long.
        const clock_shift own(what.how == order::throughput ? 1h : 0h);
        due = std::make_unique<waiter>(set);
    }
    // It alone can free a permit then, and the one in the audience must not be quicker to hand it on.
    const bool acts_alone =
        what.who == audience::looks_on && (what.before == keeper::nobody || what.before == keeper::loses_it);
    if (acts_alone) freeze_when_still(due->process);
    dies.go();
    if (what.who == audience::queues_behind) {
        ASSERT_TRUE(set.queued(1));
        due = std::make_unique<waiter>(set);
        dies.cue();
    }
    if (what.before == keeper::lets_go_at_the_cue) first->let_go();
    if (what.before == keeper::is_killed_at_the_cue) {
        freeze_when_still(due->process);  // it hears of the death as well
        EXPECT_TRUE(first->process.kill());
    }
    dies.expect_killed();
    if (acts_alone || what.before == keeper::is_killed_at_the_cue) due->process.cont();

    if (what.before == keeper::lets_go_in_the_end) first->let_go();
    if (due == nullptr) due = std::make_unique<waiter>(set, 1, standing::served_at_once);
    EXPECT_TRUE(due->granted());
    due->done();
    if (what.before == keeper::holds_on) first->let_go();
    if (what.before == keeper::loses_it) {
        EXPECT_TRUE(first->process.kill());
    }
    expect_whole(set);
}

INSTANTIATE_TEST_SUITE_P(Every, KilledAtAKillPoint, ::testing::ValuesIn(rows()), name_of);

}  // namespace
}  // namespace shmsem::test
