#include "crash/operations.hpp"

#include <unistd.h>

#include <chrono>
#include <stop_token>
#include <thread>

#include "os/testing.hpp"

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using marks = operation::marks;

/// Longer than what is asked of the code between the marks takes; and shorter than the others' deadlines, since the clock is shifted
/// for the victim alone, who takes those out of the queue whose deadlines have long passed.
constexpr auto kAWhile = liveness_bound / 2;

/// A victim before its deed.
struct prepared {
    explicit prepared(const scene& where) : home(where.open()), permits(home.find(scene::permits)) {}
    /// The same, and it has the door's permit, and has used the semaphore before.
    static prepared at_the_door(const scene& where) {
        prepared one(where);
        one.threshold = one.home.find(door).acquire();
        return one;
    }
    segment home;
    semaphore permits;
    lease threshold;
};

void acquire(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    EXPECT_TRUE(one.permits.acquire().release());
    at.begin();
    const lease mine = one.permits.acquire();
    at.end();
}

void first_acquire(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    at.begin();
    const lease mine = one.permits.acquire();
    at.end();
}

void release(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    lease mine = one.permits.acquire();
    at.begin();
    (void)mine.release();
    at.end();
}

void usual_pair(const scene& where, const marks& at) {
    os::testing::keep_processor();
    auto one = prepared::at_the_door(where);
    EXPECT_TRUE(one.permits.acquire().release());
    at.begin();
    (void)one.permits.acquire().release();
    at.end();
}

void queued_acquire(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    at.begin();
    const lease mine = one.permits.acquire();
    at.end();
}

void acquire_three(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    at.begin();
    const lease mine = one.permits.acquire({.permits = 3});
    at.end();
}

void release_three(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    lease mine = one.permits.acquire({.permits = 3});
    at.begin();
    (void)mine.release();
    at.end();
}

/// In another thread of the victim: returns when the victim sleeps in the queue, and `in_line` wait there with it.
template <class Semaphore>
void until_it_sleeps(const Semaphore& in, std::uint32_t in_line) {
    while (in.stats().waiting < in_line || !sleeps(::getpid())) std::this_thread::sleep_for(100us);
}

/// Waits in the queue for `permits` until another thread ends that, once `in_line` wait there with it.
template <class End>
void wait_in_vain(const scene& where, const marks& at, std::int64_t permits, std::uint32_t in_line, End end) {
    auto one = prepared::at_the_door(where);
    std::stop_source stop;
    std::jthread other([&] {
        until_it_sleeps(one.permits, in_line);
        end(stop);
    });
    at.begin();
    std::error_code ec;
    (void)one.permits.try_acquire_until(std::chrono::steady_clock::now() + kAWhile / 2,
                                        {.permits = permits, .stop = stop.get_token()}, ec);
    at.end();
}

// The time that a step takes would let any short deadline pass too soon.
void let_time_pass(std::stop_source&) { os::testing::advance_clock(kAWhile); }
void cancel(std::stop_source& stop) { stop.request_stop(); }

void time_out(const scene& where, const marks& at) { wait_in_vain(where, at, 1, 2, let_time_pass); }
void be_cancelled(const scene& where, const marks& at) { wait_in_vain(where, at, 1, 2, cancel); }

// Stands first, wants two where one is to be had; the second may pass when it has gone.
void time_out_as_the_first(const scene& where, const marks& at) { wait_in_vain(where, at, 2, 2, let_time_pass); }
void be_cancelled_as_the_first(const scene& where, const marks& at) { wait_in_vain(where, at, 2, 2, cancel); }

void end_own_lease(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    const lease mine = one.permits.acquire();
    at.begin();
    (void)one.permits.end(mine.seat(), mine.token());
    at.end();
}

void renew(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    lease mine = one.permits.acquire();
    at.begin();
    EXPECT_TRUE(mine.renew());
    at.end();
}

void reap(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    at.begin();
    (void)one.permits.reap();
    at.end();
}

void reap_expired(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    at.begin();
    os::testing::advance_clock(kAWhile);  // not sooner, or its background thread would do it
    (void)one.permits.reap();
    at.end();
}

void acquire_expired(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    at.begin();
    os::testing::advance_clock(kAWhile);
    const auto mine = one.permits.try_acquire_for(liveness_bound);
    at.end();
}

void resize_to_three(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    one.permits.resize(1);
    at.begin();
    one.permits.resize(3);
    at.end();
}

void resize_to_two(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    one.permits.resize(4);
    at.begin();
    one.permits.resize(2);
    at.end();
}

void resize_there_and_back(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    at.begin();
    one.permits.resize(3);
    one.permits.resize(4);
    one.permits.resize(3);
    at.end();
}

void attach(const scene& where, const marks& at) {
    at.begin();
    const segment home = where.open();
    at.end();
}

void leave(const scene& where, const marks& at) {
    segment home = where.open();
    EXPECT_TRUE(home.find(door).acquire().release());
    at.begin();
    home = segment();
    at.end();
}

void make_semaphore(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    at.begin();
    (void)one.home.semaphore("new", unexpiring(2));
    at.end();
}

void expect_new_semaphore(segment& home) {
    auto made = home.semaphore("new", unexpiring(2));
    auto both = made.try_acquire({.permits = 2});
    ASSERT_TRUE(both);
    EXPECT_TRUE(both->release());
}

void make_tenant(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    at.begin();
    const lease mine = one.permits.acquire({.tenant = "new"});
    at.end();
}

void expect_new_tenants(segment& home) {
    auto permits = home.find(scene::permits);
    for (const char* tenant : {"new", "other"}) EXPECT_TRUE(permits.acquire({.tenant = tenant}).release());
}

void detach_lease(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    lease mine = one.permits.acquire({.ttl = 50ms});
    at.begin();
    (void)mine.detach();
    at.end();
}

void adopt_lease(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    lease mine = one.permits.acquire({.ttl = 50ms});
    const detached_lease afloat = mine.detach();
    std::error_code ec;
    at.begin();
    mine = one.permits.adopt(afloat, ec);
    at.end();
}

void time_out_for_a_unit(const scene& where, const marks& at) {
    auto one = prepared::at_the_door(where);
    auto units = one.home.ownerless("units", {});
    std::jthread other([&] {
        until_it_sleeps(units, 1);
        os::testing::advance_clock(kAWhile);
    });
    at.begin();
    (void)units.try_acquire_until(std::chrono::steady_clock::now() + kAWhile / 2);
    at.end();
}

}  // namespace

namespace {
semaphore_options barging(std::int64_t permits) {
    semaphore_options options = unexpiring(permits);
    options.order = order::throughput;
    return options;
}
}  // namespace

const std::vector<operation> operations{
    {.name = "Acquire", .deed = acquire},
    {.name = "FirstAcquire", .deed = first_acquire},
    {.name = "Release", .deed = release},
    {.name = "UsualPair", .deed = usual_pair},
    {.name = "QueuedAcquire", .deed = queued_acquire, .held = 1, .waiting = 1},
    {.name = "QueuedAcquireOfThree", .deed = acquire_three, .options = unexpiring(3), .held = 1, .waiting = 1, .wanted = 3},
    {.name = "AcquireOfThree", .deed = acquire_three, .options = unexpiring(3)},
    {.name = "ReleaseThatServesAWaiter", .deed = release, .waiting = 1},
    {.name = "ReleaseThatRousesAWaiter", .deed = release, .options = barging(1), .waiting = 1},
    {.name = "QueuedAcquireThatMayBeOvertaken", .deed = queued_acquire, .options = barging(1), .held = 1, .waiting = 1},
    {.name = "TimeOutOfOneWhoMayBeOvertaken",
     .deed = time_out,
     .options = barging(1),
     .held = 1,
     .waiting = 1,
     .in_vain = true},
    {.name = "EndOfALease", .deed = end_own_lease, .waiting = 1},
    {.name = "ReleaseOfThreeThatServesThree", .deed = release_three, .options = unexpiring(3), .waiting = 3},
    {.name = "ReleaseOfThreeThatServesOneOfTwo", .deed = release_three, .options = unexpiring(3), .waiting = 2, .wanted = 2},
    {.name = "TimeOut", .deed = time_out, .held = 1, .waiting = 1, .in_vain = true},
    {.name = "TimeOutOfTheFirst",
     .deed = time_out_as_the_first,
     .options = unexpiring(2),
     .held = 1,
     .waiting = 1,
     .wait_behind = true},
    {.name = "Cancel", .deed = be_cancelled, .held = 1, .waiting = 1, .in_vain = true},
    {.name = "CancelOfTheFirst",
     .deed = be_cancelled_as_the_first,
     .options = unexpiring(2),
     .held = 1,
     .waiting = 1,
     .wait_behind = true},
    {.name = "Renew", .deed = renew, .options = {.permits = 1, .ttl = 10min, .renewal = renewal::manual}, .waiting = 1},
    {.name = "ReapOfAnExpiredLease",
     .deed = reap_expired,
     .options = {.permits = 1, .ttl = kAWhile / 2},
     .held = 1,
     .waiting = 1,
     .unobserved = true},
    {.name = "AcquireOfAnExpiredLease",
     .deed = acquire_expired,
     .options = {.permits = 1, .ttl = kAWhile / 2},
     .held = 1,
     .unobserved = true},
    {.name = "ReapOfADeadProcess", .deed = reap, .held = 1, .waiting = 1, .unobserved = true, .of_a_corpse = true},
    {.name = "ResizeUp", .deed = resize_to_three, .options = unexpiring(1, 4), .held = 1, .waiting = 2},
    {.name = "ResizeDown", .deed = resize_to_two, .options = unexpiring(4), .held = 3, .waiting = 1, .wanted = 2},
    {.name = "Attach", .deed = attach, .held = 1, .waiting = 1, .holds_the_door = false},
    {.name = "Leave", .deed = leave, .held = 1, .waiting = 1, .holds_the_door = false},
    {.name = "NewSemaphore",
     .deed = make_semaphore,
     .held = 1,
     .waiting = 1,
     .only_once = true,
     .check = expect_new_semaphore},
    {.name = "NewTenant", .deed = make_tenant, .only_once = true, .check = expect_new_tenants},
    {.name = "Detach",
     .deed = detach_lease,
     .options = {.permits = 1, .ttl = forever, .renewal = renewal::manual},
     .waiting = 1,
     .expires = true},
    {.name = "Adopt",
     .deed = adopt_lease,
     .options = {.permits = 1, .ttl = forever, .renewal = renewal::manual},
     .waiting = 1,
     .expires = true},
    {.name = "TimeOutForAUnit", .deed = time_out_for_a_unit, .held = 1, .waiting = 1},
};

const std::vector<operation> operations_for_two{
    {.name = "Acquire", .deed = acquire},
    {.name = "Release", .deed = release},
    {.name = "UsualPair", .deed = usual_pair},
    {.name = "AcquireOfThree", .deed = acquire_three},
    {.name = "TimeOut", .deed = time_out},
    {.name = "Cancel", .deed = be_cancelled},
    {.name = "Reap", .deed = reap},
    {.name = "Resize", .deed = resize_there_and_back},
    {.name = "Attach", .deed = attach},
    {.name = "Leave", .deed = leave},
};

}  // namespace shmsem::test
