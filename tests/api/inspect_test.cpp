#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "os/still_running.hpp"
#include "os/testing.hpp"
#include "support/clock_shift.hpp"
#include "support/raw_segment.hpp"
#include "support/shmsem_test.hpp"

// What a snapshot tells is what is so: who holds, who waits, and what has been counted.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

std::uint64_t sum(const histogram& counts) { return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}); }

std::string own_command() {
    std::ifstream file("/proc/self/comm");
    std::string command;
    std::getline(file, command);
    return command;
}

class Inspect : public WithSegment {
   protected:
    semaphore four = home->semaphore("four", {.permits = 4, .max_permits = 9, .ttl = 60s, .max_hold = 1h, .max_waiters = 7});
};

TEST_F(Inspect, DescribesTheSegment) {
    const auto held = four.acquire();
    const auto seen = home->inspect();
    EXPECT_EQ(seen.name, home.name());
    EXPECT_NE(seen.id, 0U);
    EXPECT_GE(seen.layout_version, 1U);
    EXPECT_EQ(seen.limits, small_limits);
    EXPECT_GE(seen.age, 0ns);
    EXPECT_LT(seen.age, 1h);
    struct stat facts {};
    ASSERT_EQ(::stat(home.path().c_str(), &facts), 0);
    EXPECT_EQ(seen.bytes, static_cast<std::uint64_t>(facts.st_size));
}

TEST_F(Inspect, ListsTheAttachedProcesses) {
    const auto held = four.acquire();
    shared<flag> attached;
    shared<flag> leave;
    auto other = fork_child([&] {
        const auto theirs = four.acquire();
        attached->raise();
        leave->wait();
    });
    attached->wait();
    struct stat namespace_file {};
    ASSERT_EQ(::stat("/proc/self/ns/pid", &namespace_file), 0);
    const auto seen = home->inspect();
    ASSERT_EQ(seen.processes.size(), 2U);
    for (const pid_t pid : {::getpid(), other.pid()}) {
        const auto it = std::find_if(seen.processes.begin(), seen.processes.end(),
                                     [&](const auto& process) { return process.pid == static_cast<std::uint32_t>(pid); });
        ASSERT_NE(it, seen.processes.end());
        EXPECT_EQ(it->uid, ::getuid());
        EXPECT_EQ(it->command, own_command());
        EXPECT_EQ(it->state, "alive");
        EXPECT_EQ(it->life, "alive");
        EXPECT_EQ(it->pid_namespace, namespace_file.st_ino);
        EXPECT_GE(it->attached, 0ns);
    }
    leave->raise();
    EXPECT_EQ(other.wait_exit(), 0);
    EXPECT_TRUE(eventually([&] { return home->inspect().processes.size() == 1; })) << "who has gone is taken off";
}

TEST_F(Inspect, DescribesTheSemaphore) {
    const auto seen = four.inspect();
    EXPECT_EQ(seen.name, "four");
    EXPECT_EQ(seen.kind, kind::leased);
    EXPECT_EQ(seen.order, order::fifo);
    EXPECT_EQ(seen.renewal, renewal::automatic);
    EXPECT_EQ(seen.ttl, 60s);
    EXPECT_EQ(seen.max_hold, 1h);
    EXPECT_EQ(seen.max_permits, 9U);
    EXPECT_EQ(seen.max_waiters, 7U);
    EXPECT_EQ(seen.stats.capacity, 4U);
    const auto other =
        home->semaphore("other", {.ttl = forever, .renewal = renewal::manual, .order = order::throughput}).inspect();
    EXPECT_EQ(other.ttl, forever);
    EXPECT_EQ(other.max_hold, forever);
    EXPECT_EQ(other.renewal, renewal::manual);
    EXPECT_EQ(other.order, order::throughput);
}

TEST_F(Inspect, ListsHoldersBySeatWithWhoTheyAreAndWhy) {
    std::vector<lease> held;
    held.push_back(four.acquire({.tenant = "red", .label = "first"}));
    held.push_back(four.acquire({.ttl = forever, .tenant = "blue"}));
    shared<flag> attached;
    shared<flag> leave;
    auto other = fork_child([&] {
        const auto theirs = four.acquire({.label = "child's"});
        attached->raise();
        leave->wait();
    });
    attached->wait();
    const auto seen = four.inspect().holders;
    ASSERT_EQ(seen.size(), 3U);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end(), [](const auto& a, const auto& b) { return a.seat < b.seat; }));
    const auto of_seat = [&](std::uint32_t seat) {
        return *std::find_if(seen.begin(), seen.end(), [&](const auto& holder) { return holder.seat == seat; });
    };
    const auto first = of_seat(held[0].seat());
    EXPECT_EQ(first.token, held[0].token());
    EXPECT_EQ(first.pid, static_cast<std::uint32_t>(::getpid()));
    EXPECT_EQ(first.tid, static_cast<std::uint32_t>(::gettid()));
    EXPECT_EQ(first.command, own_command());
    EXPECT_EQ(first.tenant, "red");
    EXPECT_EQ(first.label, "first");
    EXPECT_EQ(first.state, "held");
    EXPECT_EQ(first.life, "alive");
    EXPECT_GE(first.held, 0ns);
    EXPECT_GT(first.ttl_left, 50s);
    EXPECT_LE(first.ttl_left, 60s + 50ms);
    const auto second = of_seat(held[1].seat());
    EXPECT_EQ(second.tenant, "blue");
    EXPECT_EQ(second.label, "");
    const auto third = std::find_if(seen.begin(), seen.end(), [](const auto& holder) { return holder.label == "child's"; });
    ASSERT_NE(third, seen.end());
    EXPECT_EQ(third->pid, static_cast<std::uint32_t>(other.pid()));
    EXPECT_EQ(third->tenant, "");
    leave->raise();
    EXPECT_EQ(other.wait_exit(), 0);
}

TEST_F(Inspect, ShowsEverySeatOfALeaseOfSeveral) {
    const auto held = four.acquire({.permits = 3, .label = "wide"});
    const auto seen = four.inspect().holders;
    ASSERT_EQ(seen.size(), 3U);
    for (const auto& holder : seen) {
        EXPECT_EQ(holder.label, "wide");
        EXPECT_EQ(holder.pid, static_cast<std::uint32_t>(::getpid()));
    }
}

TEST_F(Inspect, ShowsWhatIsHeldBeyondAShrunkCapacityAsRetiring) {
    const auto held = four.acquire({.permits = 4});
    four.resize(3);
    const auto seen = four.inspect().holders;
    ASSERT_EQ(seen.size(), 4U);
    EXPECT_EQ(std::count_if(seen.begin(), seen.end(), [](const auto& h) { return h.state == "retiring"; }), 1);
    EXPECT_EQ(std::count_if(seen.begin(), seen.end(), [](const auto& h) { return h.state == "held"; }), 3);
}

TEST_F(Inspect, ListsWaitersByTicketWithWhoTheyAreAndWhatTheyWant) {
    const auto held = four.acquire({.permits = 4});
    std::stop_source stop;
    std::vector<std::jthread> waiters;
    for (std::uint32_t i = 0; i < 3; ++i) {
        waiters.emplace_back([&, i] {
            const std::string label = "waiter " + std::to_string(i);
            std::error_code ec;
            (void)four.acquire({.permits = i + 1, .tenant = "red", .label = label, .stop = stop.get_token()}, ec);
        });
        ASSERT_TRUE(queued(four, i + 1));
    }
    const auto seen = four.inspect().waiters;
    ASSERT_EQ(seen.size(), 3U);
    for (std::uint32_t i = 0; i < 3; ++i) {
        EXPECT_EQ(seen[i].label, "waiter " + std::to_string(i));
        EXPECT_EQ(seen[i].tenant, "red");
        EXPECT_EQ(seen[i].permits, i + 1);
        EXPECT_EQ(seen[i].pid, static_cast<std::uint32_t>(::getpid()));
        EXPECT_NE(seen[i].tid, static_cast<std::uint32_t>(::gettid()));
        EXPECT_EQ(seen[i].command, own_command());
        EXPECT_GE(seen[i].waited, 0ns);
        if (i > 0) {
            EXPECT_GT(seen[i].ticket, seen[i - 1].ticket);
            EXPECT_LE(seen[i].waited, seen[i - 1].waited);
        }
    }
    stop.request_stop();
}

TEST_F(Inspect, PutsTheMostLoadedSemaphoreFirst) {
    auto idle = home->semaphore("idle", {.permits = 2});
    auto full = home->semaphore("full", {.permits = 2});
    const auto in_four = four.acquire();
    const auto in_full = full.acquire({.permits = 2});
    const auto seen = home->inspect().semaphores;
    ASSERT_EQ(seen.size(), 3U);
    EXPECT_EQ(seen[0].name, "full");
    EXPECT_EQ(seen[1].name, "four");
    EXPECT_EQ(seen[2].name, "idle");
}

TEST_F(Inspect, CountsWhatIsHeldAndWhatIsFree) {
    auto stats = four.stats();
    EXPECT_EQ(stats.acquired, 0U);
    EXPECT_EQ(stats.available, 4);
    EXPECT_DOUBLE_EQ(stats.percent, 0);
    const auto one = four.acquire();
    stats = four.stats();
    EXPECT_EQ(stats.acquired, 1U);
    EXPECT_EQ(stats.available, 3);
    EXPECT_DOUBLE_EQ(stats.percent, 25);
    const auto rest = four.acquire({.permits = 3});
    EXPECT_DOUBLE_EQ(four.stats().percent, 100);
    EXPECT_EQ(four.available(), 0U);
}

TEST_F(Inspect, CountsWhatHasHappened) {
    for (int i = 0; i < 10; ++i) (void)four.acquire();
    auto stats = four.stats();
    EXPECT_EQ(stats.total_acquired, 10U);
    EXPECT_EQ(stats.total_released, 10U);
    EXPECT_EQ(stats.total_queued, 0U) << "nobody had to wait";
    { const auto three = four.acquire({.permits = 3}); }
    stats = four.stats();
    EXPECT_EQ(stats.total_acquired, 13U);
    EXPECT_EQ(stats.total_released, 13U);
    EXPECT_EQ(stats.total_queued, 1U) << "several permits at once are always a matter of the queue";
    EXPECT_EQ(stats.total_granted, 1U);
    {
        auto all = four.acquire({.permits = 4});
        EXPECT_FALSE(four.try_acquire_for(1ms));
        auto waiter = std::async(std::launch::async, [&] { return four.acquire(); });
        ASSERT_TRUE(queued(four, 1));
        all.release();
        waiter.get().release();
    }
    stats = four.stats();
    EXPECT_EQ(stats.total_acquired, 18U);
    EXPECT_EQ(stats.total_released, 18U);
    EXPECT_EQ(stats.total_queued, 4U);
    EXPECT_EQ(stats.total_granted, 3U);
    EXPECT_EQ(stats.total_timed_out, 1U);
    EXPECT_EQ(stats.total_expired + stats.total_reaped + stats.total_cancelled + stats.inversions + stats.recoveries, 0U);
}

TEST_F(Inspect, CountsWhatWasTakenBackFromTheDead) {
    shared<flag> holds;
    auto victim = fork_child([&] {
        const auto held = four.acquire({.permits = 3});
        holds->raise();
        flag never;
        never.wait();
    });
    holds->wait();
    ASSERT_TRUE(victim.kill());
    EXPECT_TRUE(four.try_acquire_for(30s * slowness, {.permits = 4}));
    EXPECT_EQ(four.stats().total_reaped, 3U);
    EXPECT_EQ(four.stats().total_expired, 0U);
}

TEST_F(Inspect, FillsTheHistogramOfWaitsOncePerGrant) {
    auto one = home->semaphore("one");
    for (int i = 0; i < 20; ++i) {
        auto held = one.acquire();
        auto waiter = std::async(std::launch::async, [&] { return one.acquire(); });
        ASSERT_TRUE(queued(one, 1));
        held.release();
        waiter.get();
    }
    const auto stats = one.stats();
    EXPECT_EQ(stats.total_granted, 20U);
    EXPECT_EQ(sum(stats.wait), 20U);
    EXPECT_GT(quantile(stats.wait, 0.5), 0ns);
}

TEST_F(Inspect, PutsAWaitInTheBucketOfItsLength) {
    in_child([&] {
        clock_shift time;
        auto one = home->semaphore("one", {.ttl = forever});
        auto held = one.acquire();
        auto waiter = std::async(std::launch::async, [&] { return one.acquire(); });
        ASSERT_TRUE(queued(one, 1));
        time.forward(2s);
        held.release();
        waiter.get();
        // 2 s is 2^20.9 us, and the test itself takes less than another 2 s.
        const auto stats = one.stats();
        EXPECT_EQ(stats.wait[20] + stats.wait[21], 1U);
        // The permit was held for those 2 s too.
        EXPECT_EQ(stats.hold[20] + stats.hold[21], 1U);
    });
}

TEST_F(Inspect, FillsTheHistogramOfHoldsBySamplesThatAddUp) {
    in_child([&] {
        auto one = home->semaphore("one");
        os::testing::keep_processor();
        for (int i = 0; i < 6400; ++i) (void)one.acquire();
        EXPECT_EQ(sum(one.stats().hold), 1U + 6400U) << "the first is measured, and one in 256, which counts for 256";
    });
}

TEST_F(Inspect, HalvesAHistogramBeforeACountComesRound) {
    auto one = home->semaphore("one");
    const raw_segment inside(home.name());
    auto& hold = inside.view().semaphore(1).hold;
    for (auto& bucket : hold) bucket.store((1U << 31) - 2);
    for (int i = 0; i < 4; ++i) {
        (void)one.acquire();
        std::this_thread::sleep_for(50us);  // so that each is measured
    }
    for (const std::uint64_t count : one.stats().hold) {
        EXPECT_GE(count, (1U << 30) - 2);
        EXPECT_LE(count, (1U << 30) + 2);
    }
}

TEST_F(Inspect, FillsTheHistogramOfHoldsWithEachThatDoesNotFollowAnotherAtOnce) {
    auto one = home->semaphore("one");
    const os::running_word* mark = os::mark_running();
    for (int i = 0; i < 100; ++i) {
        (void)one.acquire();
        do std::this_thread::sleep_for(50us);
        while (os::still_running(mark));  // the time may pass before it gave the processor away
    }
    EXPECT_GE(sum(one.stats().hold), mark == &os::never_running ? 63U : 100U);
}

TEST_F(Inspect, FillsTheHistogramOfHoldsBySamplesWhereNothingTellsWhichFollowAtOnce) {
    in_child([&] {
        auto one = home->semaphore("one");
        os::testing::refuse(os::testing::syscall_kind::rseq);
        for (int i = 0; i < 600; ++i) (void)one.acquire();
        EXPECT_EQ(sum(one.stats().hold), 63U + 2 * 256U) << "a slot's first, and then samples";
    });
}

TEST_F(Inspect, CanBeTakenWhileEverythingMoves) {
    shared<flag> stop;
    std::vector<child> users;
    for (int i = 0; i < 3; ++i) {
        users.push_back(fork_child([&] {
            while (!stop->raised()) (void)four.acquire({.permits = 2, .tenant = "t", .label = "moving"});
        }));
    }
    for (int i = 0; i < rounds(500); ++i) {
        const auto seen = four.inspect();
        EXPECT_LE(seen.stats.acquired, 4U);
        EXPECT_GE(seen.stats.available, 0);
        EXPECT_LE(seen.holders.size(), 4U);
        EXPECT_LE(seen.waiters.size(), 3U);
        for (const auto& holder : seen.holders) {
            EXPECT_LT(holder.seat, 4U);
            EXPECT_TRUE(holder.label.empty() || holder.label == "moving") << holder.label;
        }
    }
    stop->raise();
    for (auto& user : users) EXPECT_EQ(user.wait_exit(), 0);
}

// Quantiles of a histogram.

TEST(Quantile, OfNothingIsZero) {
    EXPECT_EQ(quantile({}, 0.5), 0ns);
    EXPECT_EQ(quantile({}, 0), 0ns);
    EXPECT_EQ(quantile({}, 1), 0ns);
}

TEST(Quantile, IsTheUpperBoundOfItsBucket) {
    histogram counts{};
    counts[0] = 1;
    EXPECT_EQ(quantile(counts, 0.5), 2us);
    counts[0] = 0;
    counts[10] = 7;
    for (const double q : {0.0, 0.5, 1.0}) EXPECT_EQ(quantile(counts, q), 2048us);
}

TEST(Quantile, FallsWhereThatPartOfAllCountsIsReached) {
    histogram counts{};
    counts[2] = 50;
    counts[5] = 40;
    counts[9] = 10;
    EXPECT_EQ(quantile(counts, 0.25), 8us);
    EXPECT_EQ(quantile(counts, 0.75), 64us);
    EXPECT_EQ(quantile(counts, 0.99), 1024us);
    EXPECT_EQ(quantile(counts, 1), 1024us);
}

TEST(Quantile, OutOfRangeIsTakenToTheNearestEnd) {
    histogram counts{};
    counts[2] = 1;
    counts[5] = 1;
    EXPECT_EQ(quantile(counts, -1), quantile(counts, 0));
    EXPECT_EQ(quantile(counts, 2), quantile(counts, 1));
}

}  // namespace
}  // namespace shmsem::test
