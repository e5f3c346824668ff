#include <csignal>
#include <fstream>

#include "peers.hpp"

// What the README's comparison says, one test for each claim, in the same scene for every kind of semaphore.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

// What the kernel does at a death is done when the dead process has been waited for, so what is not there by then does not
// come; ours is given back by processes that are told of the death.
constexpr auto soon = 30s;
constexpr auto at_once = 0s;

/// A killed holder: is its unit there again?
template <class Peer>
bool killed_holder_returns_its_unit(std::chrono::seconds within) {
    Peer peer;
    const shared<flag> held;
    auto holder = fork_child([&] {
        peer.attach();
        peer.take();
        held->raise();
        for (;;) ::pause();
    });
    held->wait();
    EXPECT_FALSE(peer.try_take());
    EXPECT_TRUE(holder.kill());
    return eventually([&] { return peer.try_take(); }, within);
}

TEST(AKilledHolder, GivesItsUnitBackWithShmsem) {
    watchdog guard{60s};
    EXPECT_TRUE(killed_holder_returns_its_unit<shmsem_peer>(soon));
}
TEST(AKilledHolder, GivesItsUnitBackWithSemUndo) {
    watchdog guard{60s};
    EXPECT_TRUE(killed_holder_returns_its_unit<sysv_peer>(at_once));
}
TEST(AKilledHolder, GivesItsUnitBackWithFlock) {
    watchdog guard{60s};
    EXPECT_TRUE(killed_holder_returns_its_unit<flock_peer>(at_once));
}
TEST(AKilledHolder, LosesItForEverWithSemT) {
    watchdog guard{60s};
    EXPECT_FALSE(killed_holder_returns_its_unit<posix_peer>(at_once));
}
TEST(AKilledHolder, LosesItForEverWithBoostInterprocessSemaphore) {
    watchdog guard{60s};
    EXPECT_FALSE(killed_holder_returns_its_unit<boost_peer>(at_once));
}
TEST(AKilledHolder, LosesItForEverWithBoostNamedSemaphore) {
    watchdog guard{60s};
    EXPECT_FALSE(killed_holder_returns_its_unit<boost_named_peer>(at_once));
}

/// A holder gives its unit back while another process sleeps in line for it, and asks again at once, up to `attempts` times.
/// Does it ever get the unit before the one that was waiting?
template <class Peer>
bool releaser_can_overtake_a_waiter(int attempts) {
    Peer peer;
    const shared<barrier> round_begins{2U};
    const shared<flag> asked_again;
    peer.take();
    auto waiter = fork_child([&] {
        peer.attach();
        for (;;) {
            round_begins->arrive_and_wait();
            peer.take();
            asked_again->wait();
            peer.give();
        }
    });
    for (int i = 0; i < attempts; ++i) {
        asked_again->lower();
        round_begins->arrive_and_wait();
        if (!eventually([&] { return peer.has_waiter(waiter.pid()); })) {
            ADD_FAILURE() << "nobody waits";
            break;
        }
        peer.give();
        if (peer.try_take()) return true;
        asked_again->raise();
        peer.take();
    }
    return false;
}

TEST(AReleaser, CannotOvertakeAWaiterWithShmsem) {
    watchdog guard{120s};
    EXPECT_FALSE(releaser_can_overtake_a_waiter<shmsem_peer>(rounds(200)));
}
TEST(AReleaser, CannotOvertakeAWaiterWithSystemVSemaphores) {
    watchdog guard{120s};
    EXPECT_FALSE(releaser_can_overtake_a_waiter<sysv_peer>(rounds(200)));
}
TEST(AReleaser, CanOvertakeAWaiterWithSemT) {
    watchdog guard{120s};
    EXPECT_TRUE(releaser_can_overtake_a_waiter<posix_peer>(10'000));
}
TEST(AReleaser, CanOvertakeAWaiterWithFlock) {
    watchdog guard{120s};
    EXPECT_TRUE(releaser_can_overtake_a_waiter<flock_peer>(10'000));
}
TEST(AReleaser, CanOvertakeAWaiterWithBoostSemaphores) {
    watchdog guard{120s};
    EXPECT_TRUE(releaser_can_overtake_a_waiter<boost_peer>(10'000));
    EXPECT_TRUE(releaser_can_overtake_a_waiter<boost_named_peer>(10'000));
}

/// The holder forks, the child lives on, the holder is killed: is the unit there again?
template <class Peer>
bool unit_returns_although_a_child_lives_on(std::chrono::seconds within) {
    Peer peer;
    const shared<flag> forked;
    const shared<std::atomic<pid_t>> grandchild{0};
    auto holder = fork_child([&] {
        peer.attach();
        peer.take();
        const pid_t pid = ::fork();
        if (pid == 0) {
            for (;;) ::pause();
        }
        grandchild->store(pid);
        forked->raise();
        for (;;) ::pause();
    });
    forked->wait();
    EXPECT_TRUE(holder.kill());
    const bool returned = eventually([&] { return peer.try_take(); }, within);
    ::kill(grandchild->load(), SIGKILL);
    return returned;
}

TEST(AForkedChild, DoesNotKeepItsParentsUnitWithShmsem) {
    watchdog guard{60s};
    EXPECT_TRUE(unit_returns_although_a_child_lives_on<shmsem_peer>(soon));
}
TEST(AForkedChild, DoesNotKeepItsParentsUnitWithSemUndo) {
    watchdog guard{60s};
    EXPECT_TRUE(unit_returns_although_a_child_lives_on<sysv_peer>(at_once));
}
TEST(AForkedChild, KeepsItsParentsLockWithFlock) {
    watchdog guard{60s};
    EXPECT_FALSE(unit_returns_although_a_child_lives_on<flock_peer>(at_once));
}

/// Another process gives back what the holder holds, then the holder ends: how many units are there?
template <class Peer>
int units_after_another_process_gave_one_back() {
    Peer peer;
    const shared<flag> held;
    auto holder = fork_child([&] {
        peer.take();
        held->raise();
        for (;;) ::pause();
    });
    held->wait();
    peer.give();
    EXPECT_TRUE(holder.kill());
    int units = 0;
    std::vector<child> takers;
    // Each by a process of its own, so that no peer counts one taker twice.
    for (int i = 0; i < 3; ++i) {
        const shared<flag> asked;
        const shared<std::atomic<bool>> got{false};
        takers.push_back(fork_child([&] {
            got->store(eventually([&] { return peer.try_take(); }, i == 0 ? soon : at_once));
            asked->raise();
            for (;;) ::pause();
        }));
        asked->wait();
        if (got->load()) ++units;
    }
    return units;
}

TEST(GivingBackWhatAnotherHolds, IsRefusedByShmsem) {
    watchdog guard{60s};
    EXPECT_EQ(units_after_another_process_gave_one_back<shmsem_peer>(), 1);
}
TEST(GivingBackWhatAnotherHolds, MakesAUnitTooManyWithSemUndo) {
    watchdog guard{60s};
    EXPECT_EQ(units_after_another_process_gave_one_back<sysv_peer>(), 2)
        << "the kernel undoes the holder's operation as well";
}

TEST(WhoHoldsIt, IsTheLastOperatorOnlyWithSystemVSemaphores) {
    watchdog guard{60s};
    sysv_peer peer;
    const shared<flag> held;
    auto holder = fork_child([&] {
        peer.take();
        held->raise();
        for (;;) ::pause();
    });
    held->wait();
    EXPECT_EQ(peer.last_pid(), holder.pid());
    peer.give();
    EXPECT_EQ(peer.last_pid(), ::getpid()) << "although it holds nothing";
}

TEST(Posting, MoreThanWasTakenRaisesASemT) {
    posix_peer peer;
    peer.give();
    EXPECT_TRUE(peer.try_take());
    EXPECT_TRUE(peer.try_take()) << "two units of one";
}

}  // namespace
}  // namespace shmsem::test
