#include "crash/actors.hpp"

#include <algorithm>
#include <csignal>
#include <string>

#include "os/testing.hpp"
#include "support/stillness.hpp"

namespace shmsem::test {

void tell(told_lease& what, const lease& got) {
    what.token = got.token();
    what.seat = got.seat();
    what.ticket = got.ticket();
    what.granted = true;
    what.said.raise();
}

holder::holder(const scene& where, std::int64_t permits, duration ttl, const std::string& semaphore) {
    process = fork_child([&] {
        segment home = where.open();
        lease mine = home.find(semaphore).acquire({.permits = permits, .ttl = ttl});
        tell(*lease_, mine);
        enough_->wait();
        EXPECT_TRUE(mine.release());
    });
    EXPECT_TRUE(eventually([&] { return lease_->said.raised(); })) << "no permit to hold";
}

void holder::let_go() {
    enough_->raise();
    EXPECT_EQ(process.wait_exit(), 0);
}

bool waits(const scene& where, const std::string& semaphore, pid_t pid) {
    const auto waiters = where.look(semaphore).waiters;
    return std::any_of(waiters.begin(), waiters.end(),
                       [&](const waiter_info& one) { return one.pid == static_cast<std::uint32_t>(pid); });
}

waiter::waiter(const scene& where, std::int64_t permits, standing as, const std::string& semaphore) {
    process = fork_child([&] {
        segment home = where.open();
        std::error_code ec;
        auto mine = home.find(semaphore).try_acquire_for(liveness_bound, {.permits = permits}, ec);
        EXPECT_FALSE(ec) << ec.message();
        if (!mine) {
            lease_->said.raise();
            return;
        }
        EXPECT_EQ(mine->permits(), permits);
        tell(*lease_, *mine);
        enough_->wait();
        EXPECT_TRUE(mine->release());
    });
    if (as == standing::queued) {
        // Not by the number of waiters, from which dead ones may be going.
        EXPECT_TRUE(eventually([&] { return waits(where, semaphore, process.pid()); }));
    }
}

bool waiter::granted() {
    // Longer than its own deadline, by which it says no; a process that has failed says nothing.
    return eventually([&] { return lease_->said.raised(); }, 2 * liveness_bound) && lease_->granted;
}

void waiter::done() {
    enough_->raise();
    EXPECT_EQ(process.wait_exit(), 0);
}

void expect_served(const scene& after, std::int64_t permits) {
    waiter newcomer(after, permits, standing::served_at_once);
    EXPECT_TRUE(newcomer.granted());
    newcomer.done();
}

void stage::ready() const {
    ready_->raise();
    go_->wait();
    os::testing::die_at(point_, nth_);
}

victim::victim(const scene& where, deed_fn deed, const char* point, int nth) : stage(where, point, nth) {
    process = fork_child([&] {
        deed(*this);
        ADD_FAILURE() << "never reached " << point << " for the " << nth << ". time";
    });
    wait_until_ready();
}

void victim::expect_killed() { EXPECT_EQ(process.wait_signal(), SIGKILL); }

void victim::dies_unobserved_by(std::initializer_list<child*> others) {
    for (child* one : others) freeze_when_still(*one);
    go();
    expect_killed();
    for (child* one : others) one->cont();
}

void kill_during(const scene& where, deed_fn deed, const char* point, int nth) {
    victim alone(where, deed, point, nth);
    alone.go();
    alone.expect_killed();
}

}  // namespace shmsem::test
