#include <atomic>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "support/shmsem_test.hpp"

// First come, first served (I3), under everything that leaves a queue: grants, time-outs and cancellations of 8 processes.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

constexpr int kProcesses = 8;
const std::uint64_t kGrants = static_cast<std::uint64_t>(rounds(100'000));

struct record {
    std::atomic<std::uint64_t> grants{0};      // to callers that had to queue
    std::atomic<std::uint64_t> inversions{0};  // a ticket granted after a later one
    std::atomic<std::uint64_t> overlaps{0};    // two holders of the only permit
    // Written by whoever holds the only permit. Not atomic in effect: each step is a load and a store.
    std::atomic<std::uint64_t> last_ticket{0};
    std::atomic<std::uint32_t> holder{0};
};

/// Requests a stop, now and then, on whatever the process waits with at that moment.
class canceller {
   public:
    canceller() : thread_([this](const std::stop_token& over) { run(over); }) {}
    std::stop_token next() {
        const std::lock_guard hold(lock_);
        source_ = std::stop_source{};
        return source_.get_token();
    }

   private:
    void run(const std::stop_token& over) {
        while (!over.stop_requested()) {
            std::this_thread::sleep_for(300us);
            std::stop_source aim;
            {
                const std::lock_guard hold(lock_);
                aim = source_;
            }
            aim.request_stop();
        }
    }
    std::mutex lock_;
    std::stop_source source_;
    std::jthread thread_;
};

enum class manner { patient, hasty, cancellable, unwilling };

manner some_manner(std::minstd_rand& random) {
    const auto n = random() % 20;
    return n < 12 ? manner::patient : n < 16 ? manner::hasty : n < 19 ? manner::cancellable : manner::unwilling;
}

/// One acquisition in one of the four manners; an empty lease when it was given up.
lease take(semaphore& from, std::int64_t permits, std::minstd_rand& random, canceller& stops) {
    std::optional<lease> got;
    switch (some_manner(random)) {
        case manner::patient: return from.acquire({.permits = permits});
        case manner::hasty:
            got = from.try_acquire_for(std::chrono::microseconds{random() % 200}, {.permits = permits});
            break;
        case manner::unwilling: got = from.try_acquire({.permits = permits}); break;
        case manner::cancellable: {
            std::error_code ec;
            lease held = from.acquire({.permits = permits, .stop = stops.next()}, ec);
            EXPECT_TRUE(held ? !ec : ec == errc::cancelled) << ec.message();
            return held;
        }
    }
    return got ? std::move(*got) : lease{};
}

class Ordering : public ::testing::Test {
   protected:
    watchdog guard{240s};
    test_segment home;
    shared<record> seen;

    template <class Enough, class Body>
    void run_processes(Enough enough, Body body) {
        std::vector<child> workers;
        shared<tally> finished;
        shared<flag> may_end;
        for (int p = 0; p < kProcesses; ++p) {
            workers.push_back(fork_child([&, p] {
                std::minstd_rand random(static_cast<unsigned>(p + 1));
                canceller stops;
                while (!enough()) body(p, random, stops);
                finished->add();
                may_end->wait();
            }));
        }
        finished->wait_for(kProcesses);
        // Before any of them ends, since a background thread may be in the lock in that moment.
        for (const auto& one : home->inspect().semaphores) EXPECT_EQ(one.stats.recoveries, 0U) << one.name;
        may_end->raise();
        for (auto& worker : workers) EXPECT_EQ(worker.wait_exit(), 0);
    }
    template <class Body>
    void run_processes(Body body) {
        run_processes([&] { return seen->grants.load() >= kGrants; }, body);
    }

    void expect_settled(const semaphore& s, std::uint32_t permits) {
        const auto stats = s.stats();
        EXPECT_EQ(stats.inversions, 0U);
        EXPECT_EQ(stats.waiting, 0U);
        EXPECT_EQ(s.available(), permits);
        EXPECT_EQ(stats.total_acquired, stats.total_released);
        EXPECT_GE(stats.total_queued, stats.total_granted);
        EXPECT_GE(stats.total_granted, kGrants);
        EXPECT_GT(stats.total_timed_out, 0U) << "the mixture must be one";
        EXPECT_GT(stats.total_cancelled, 0U) << "the mixture must be one";
    }
};

TEST_F(Ordering, OfGrantsFollowsTheTicketsOfEightProcessesThroughTimeoutsAndCancellations) {
    auto one = home->semaphore("one");
    run_processes([&](int p, std::minstd_rand& random, canceller& stops) {
        lease held = take(one, 1, random, stops);
        if (!held) return;
        // From here to the release this process is alone.
        if (seen->holder.exchange(static_cast<std::uint32_t>(p + 1)) != 0) seen->overlaps.fetch_add(1);
        if (held.ticket() != 0) {
            if (held.ticket() <= seen->last_ticket.load()) seen->inversions.fetch_add(1);
            seen->last_ticket.store(held.ticket());
            seen->grants.fetch_add(1);
        }
        seen->holder.store(0);
        EXPECT_TRUE(held.release());
    });
    EXPECT_EQ(seen->inversions.load(), 0U);
    EXPECT_EQ(seen->overlaps.load(), 0U);
    EXPECT_GE(seen->grants.load(), kGrants);
    EXPECT_EQ(one.stats().total_granted, seen->grants.load());
    expect_settled(one, 1);
}

TEST_F(Ordering, OfGrantsOfSeveralPermitsFollowsTheTicketsToo) {
    auto four = home->semaphore("four", {.permits = 4});
    run_processes([&](int, std::minstd_rand& random, canceller& stops) {
        lease held = take(four, 1, random, stops);
        if (!held) return;
        if (held.ticket() != 0) seen->grants.fetch_add(1);
        // Often longer than a time slice, so that all four are taken and others queue.
        for (auto spin = random() % 2000; spin > 0; --spin) std::atomic_signal_fence(std::memory_order_seq_cst);
        if (random() % 4 == 0) std::this_thread::yield();
        EXPECT_TRUE(held.release());
    });
    expect_settled(four, 4);
}

TEST_F(Ordering, OfGrantsOfDifferentSizesFollowsTheTicketsToo) {
    auto four = home->semaphore("four", {.permits = 4});
    run_processes([&](int, std::minstd_rand& random, canceller& stops) {
        const auto permits = static_cast<std::int64_t>(1 + random() % 4);
        lease held = take(four, permits, random, stops);
        if (!held) return;
        if (held.ticket() != 0) seen->grants.fetch_add(1);
        EXPECT_EQ(held.permits(), static_cast<std::uint32_t>(permits));
        EXPECT_TRUE(held.release());
    });
    expect_settled(four, 4);
}

TEST_F(Ordering, OfAnOwnerlessSemaphoreFollowsTheTicketsToo) {
    auto units = home->ownerless("units", {.initial = 1});
    run_processes([&] { return units.stats().total_granted >= kGrants; },
                  [&](int p, std::minstd_rand& random, canceller& stops) {
                      bool got = true;
                      switch (some_manner(random)) {
                          case manner::patient: units.acquire(); break;
                          case manner::hasty: got = units.try_acquire_for(std::chrono::microseconds{random() % 200}); break;
                          case manner::unwilling: got = units.try_acquire(); break;
                          case manner::cancellable: got = units.try_acquire_for(1h, stops.next()); break;
                      }
                      if (!got) return;
                      if (seen->holder.exchange(static_cast<std::uint32_t>(p + 1)) != 0) seen->overlaps.fetch_add(1);
                      seen->holder.store(0);
                      units.release();
                  });
    EXPECT_EQ(seen->overlaps.load(), 0U);
    EXPECT_GE(units.stats().total_granted, kGrants);
    EXPECT_EQ(units.stats().inversions, 0U);
    EXPECT_EQ(units.stats().waiting, 0U);
    EXPECT_EQ(units.value(), 1);
}

}  // namespace
}  // namespace shmsem::test
