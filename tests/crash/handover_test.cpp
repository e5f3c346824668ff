#include <unistd.h>

#include "crash/actors.hpp"
#include "crash/fork_ways.hpp"

// Leases handed to a forked child on purpose: whoever adopted one has it, and whoever dies with one gives it back.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

TEST(HandedOverLease, OutlivesTheParentOnceAForkedChildHasAdoptedIt) {
    watchdog guard{120s};
    scene set;
    shared<told_lease> adopted;
    shared<flag> parent_is_dead;
    shared<flag> done;
    auto parent = fork_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine = permits.acquire();
        const detached_lease carried = mine.detach();
        (void)start_fork(fork_kind::libc, [&] {
            lease own = permits.adopt(carried);
            tell(*adopted, own);
            parent_is_dead->wait();
            EXPECT_TRUE(own.valid());
            EXPECT_TRUE(own.release());
            done->raise();
            ::_exit(0);
        });
        for (;;) ::pause();
    });
    adopted->said.wait();
    EXPECT_TRUE(parent.kill());
    in_child([&] {
        segment home = set.open();
        EXPECT_EQ(home.reap(), 0U);
        expect_only_the_living(home);
        EXPECT_FALSE(home.find(scene::permits).try_acquire());
    });
    parent_is_dead->raise();
    done->wait();
    expect_whole(set);
}

TEST(HandedOverLease, ComesBackWhenTheParentDiesBeforeAnybodyAdoptsIt) {
    watchdog guard{120s};
    scene set;
    shared<flag> detached;
    auto parent = fork_child([&] {
        segment home = set.open();
        lease mine = home.find(scene::permits).acquire();
        (void)mine.detach();
        detached->raise();
        flag never;
        never.wait();
    });
    detached->wait();
    waiter next(set);
    EXPECT_TRUE(parent.kill());
    EXPECT_TRUE(next.granted());
    next.done();
    expect_whole(set);
}

TEST(HandedOverLease, ComesBackWhenItsAdopterDies) {
    watchdog guard{120s};
    scene set;
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine = permits.acquire();
        const detached_lease carried = mine.detach();
        shared<flag> adopted;
        const pid_t pid = start_fork(fork_kind::libc, [&] {
            const lease own = permits.adopt(carried);
            adopted->raise();
            for (;;) ::pause();
        });
        adopted->wait();
        kill_fork(pid);
        auto next = permits.try_acquire_for(liveness_bound);
        EXPECT_TRUE(next);
    });
    expect_whole(set);
}

}  // namespace
}  // namespace shmsem::test
