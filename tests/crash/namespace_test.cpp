#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>
#include <string>
#include <vector>

#include "crash/actors.hpp"
#include "crash/fork_ways.hpp"
#include "crash/pid_namespace.hpp"
#include "os/testing.hpp"
#include "support/clock_shift.hpp"
#include "support/stillness.hpp"

// Processes of several pid namespaces on one segment: a death is noticed across them, and equal pids are not taken for equal
// processes.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

class PidNamespaces : public ::testing::Test {
   protected:
    void SetUp() override {
        const std::string reason = no_pid_namespaces();
        if (!reason.empty()) GTEST_SKIP() << "no pid namespaces here: " << reason;
    }

    /// Holds one permit until told to let go, or killed.
    std::function<void()> holds(told_lease& lease_of, flag& enough) {
        return [this, &lease_of, &enough] {
            segment home = set.open();
            lease mine = home.find(scene::permits).acquire();
            tell(lease_of, mine);
            enough.wait();
            EXPECT_TRUE(mine.valid());
            EXPECT_TRUE(mine.release());
        };
    }
    /// The same where the kernel signs no death certificate.
    std::function<void()> holds_unsigned(told_lease& lease_of, flag& enough) {
        return [body = holds(lease_of, enough)] {
            os::testing::refuse(os::testing::syscall_kind::robust_list);
            body();
        };
    }

    scene set{unexpiring(2)};
    shared<told_lease> one;
    shared<told_lease> other;
    shared<flag> let_go;
    shared<flag> let_the_other_go;
};

TEST_F(PidNamespaces, AHolderKilledInAnotherOneLeavesItsPermitToTheWaiter) {
    watchdog guard{120s};
    holder here(set);
    in_pid_namespace there(holds(*one, *let_go));
    one->said.wait();
    waiter next(set);
    there.kill();
    EXPECT_TRUE(next.granted());
    EXPECT_EQ(next.got().seat, one->seat);
    next.done();
    here.let_go();
    expect_whole(set);
}

TEST_F(PidNamespaces, AWaiterInAnotherOneGetsThePermitOfAHolderKilledHere) {
    watchdog guard{120s};
    holder here(set, 2);
    let_go->raise();
    in_pid_namespace there(holds(*one, *let_go));
    EXPECT_TRUE(set.queued(1));
    EXPECT_TRUE(here.process.kill());
    one->said.wait();
    there.wait_done();
    expect_whole(set);
}

TEST_F(PidNamespaces, AWaiterKilledInAnotherOneDelaysNobody) {
    watchdog guard{120s};
    holder here(set, 2);
    in_pid_namespace there(holds(*one, *let_go));
    EXPECT_TRUE(set.queued(1));
    waiter behind(set);
    there.kill();
    EXPECT_TRUE(set.queued(1));
    here.let_go();
    EXPECT_TRUE(behind.granted());
    behind.done();
    expect_whole(set);
}

TEST_F(PidNamespaces, TwoProcessesWithTheSamePidAreTwo) {
    watchdog guard{120s};
    in_pid_namespace first(holds(*one, *let_go));
    in_pid_namespace second(holds(*other, *let_the_other_go));
    one->said.wait();
    other->said.wait();
    EXPECT_NE(one->seat, other->seat);

    std::set<std::uint64_t> namespaces;
    for (const auto& process : set.look_around().processes) {
        EXPECT_EQ(process.pid, 1U);
        EXPECT_EQ(process.life, "alive");
        namespaces.insert(process.pid_namespace);
    }
    EXPECT_EQ(namespaces.size(), 2U);

    waiter next(set);
    first.kill();
    EXPECT_TRUE(next.granted());
    EXPECT_EQ(next.got().seat, one->seat);
    EXPECT_EQ(set.look().stats.acquired, 2U) << "the other process of pid 1 lost its permit too";
    let_the_other_go->raise();
    second.wait_done();
    next.done();
    expect_whole(set);
}

flag* in_the_lock = nullptr;

TEST_F(PidNamespaces, TwoThreadsWithTheSameIdInTheLockAreTwo) {
    watchdog guard{120s};
    const shared<flag> locked;
    in_the_lock = &*locked;
    // Both namespaces number their threads alike; the first is stopped inside the critical section, the second needs it.
    shared<flag> go;
    shared<flag> stopped;
    in_pid_namespace first([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine = permits.acquire();
        tell(*one, mine);
        go->wait();
        os::testing::call_at("lock.taken", [] {
            in_the_lock->raise();
            for (;;) ::pause();
        });
        (void)mine.release();
    });
    in_pid_namespace second([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine = permits.acquire();
        tell(*other, mine);
        let_go->wait();
        std::error_code ec;
        EXPECT_FALSE(permits.try_acquire_for(200ms, {.permits = 2}, ec));
        EXPECT_FALSE(ec) << ec.message();
        stopped->raise();
        let_the_other_go->wait();
        EXPECT_TRUE(mine.release());
    });
    one->said.wait();
    other->said.wait();
    waiter due(set);
    freeze_when_still(due.process);  // it could grant itself what is released
    go->raise();
    locked->wait();
    due.process.cont();
    let_go->raise();
    stopped->wait();
    first.kill();
    EXPECT_TRUE(due.granted());
    due.done();
    let_the_other_go->raise();
    second.wait_done();
    expect_whole(set);
}

// Without the kernel's signature only the pid is left, and it means nothing in another namespace: then nobody may guess.

TEST_F(PidNamespaces, AHolderOfAnotherOneThatCannotBeJudgedKeepsItsPermitWhileItLives) {
    watchdog guard{120s};
    in_pid_namespace there(holds_unsigned(*one, *let_go));
    one->said.wait();
    // Here its pid is that of the first process of the machine, there is none of that start time.
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine = permits.acquire();
        EXPECT_EQ(home.reap(), 0U);
        EXPECT_FALSE(permits.try_acquire_for(100ms));
        EXPECT_TRUE(mine.release());
    });
    // In a third namespace it is that of the one who looks.
    in_pid_namespace elsewhere([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine = permits.acquire();
        EXPECT_EQ(home.reap(), 0U);
        EXPECT_FALSE(permits.try_acquire_for(100ms));
        EXPECT_TRUE(mine.release());
    });
    elsewhere.wait_done();
    let_go->raise();
    there.wait_done();
    expect_whole(set);
}

TEST_F(PidNamespaces, ALivingHolderIsNotTakenForDeadWhereProcShowsAnotherNamespace) {
    watchdog guard{120s};
    // Under `unshare -pf` without a /proc of its own: the pids of this namespace are other processes' in there.
    in_pid_namespace there([&] {
        os::testing::refuse(os::testing::syscall_kind::robust_list);
        segment home = set.open();
        lease mine = home.find(scene::permits).acquire({.permits = 2});
        const pid_t pid = start_fork(fork_kind::libc, [&] {
            segment again = set.open();
            EXPECT_EQ(again.reap(), 0U);
            EXPECT_FALSE(again.find(scene::permits).try_acquire_for(200ms));
            EXPECT_EQ(again.reap(), 0U);
            ::_exit(::testing::Test::HasFailure() ? failed_in_child : 0);
        });
        int status = 0;
        ASSERT_EQ(::waitpid(pid, &status, 0), pid);
        EXPECT_EQ(status, 0);
        EXPECT_TRUE(mine.valid());
        EXPECT_TRUE(mine.release());
    });
    there.wait_done();
    // The child's entry stays, since nobody can tell whether it lives; the permits are whole.
    in_child([&] {
        segment home = set.open();
        EXPECT_TRUE(home.find(scene::permits).try_acquire({.permits = 2}));
        EXPECT_TRUE(home.check_invariants().ok());
    });
}

class UnknownHolder : public PidNamespaces {
   protected:
    scene mortal{{.permits = 1, .ttl = 1h}};
};

TEST_F(UnknownHolder, IsNeverReapedBeforeItsTtlButIsAfterwards) {
    watchdog guard{120s};
    in_pid_namespace there([&] {
        os::testing::refuse(os::testing::syscall_kind::robust_list);
        segment home = mortal.open();
        const lease mine = home.find(scene::permits).acquire();
        tell(*one, mine);
        let_go->wait();
    });
    one->said.wait();
    there.kill();
    in_child([&] {
        clock_shift clock;
        segment home = mortal.open();
        auto permits = home.find(scene::permits);
        for (const auto& holder : permits.inspect().holders) EXPECT_EQ(holder.life, "unknown");
        EXPECT_EQ(home.reap(), 0U);
        EXPECT_FALSE(permits.try_acquire_for(100ms));
        clock.forward(30min);
        EXPECT_EQ(home.reap(), 0U);
        EXPECT_FALSE(permits.try_acquire());
        clock.forward(31min);
        auto mine = permits.try_acquire_until(clock.now() + liveness_bound, {});
        ASSERT_TRUE(mine);
        EXPECT_GT(mine->token(), one->token);
        EXPECT_EQ(permits.stats().total_expired, 1U);
        EXPECT_EQ(permits.stats().total_reaped, 0U);
        EXPECT_TRUE(mine->release());
        EXPECT_TRUE(invariants_hold(home));
    });
}

}  // namespace
}  // namespace shmsem::test
