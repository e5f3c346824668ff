#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "support/shmsem_test.hpp"

// The ownerless kind: a count that anybody may raise, first come first served.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

class Ownerless : public WithSegment {
   protected:
    ownerless_semaphore empty = home->ownerless("empty");
    ownerless_semaphore three = home->ownerless("three", {.initial = 3});
};

TEST_F(Ownerless, StartsAtItsInitialCountWhichMayBeNothing) {
    EXPECT_EQ(empty.value(), 0);
    EXPECT_FALSE(empty.try_acquire());
    EXPECT_EQ(three.value(), 3);
    EXPECT_EQ(three.name(), "three");
    EXPECT_EQ(home->ownerless("full", {.initial = INT_MAX}).value(), INT_MAX);
}

TEST_F(Ownerless, CountsDownWithEachAcquireAndUpWithEachRelease) {
    three.acquire();
    EXPECT_FALSE(code_from([&](auto& ec) { three.acquire(ec); }));
    EXPECT_TRUE(three.try_acquire());
    EXPECT_EQ(three.value(), 0);
    EXPECT_FALSE(code_from([&](auto& ec) { EXPECT_FALSE(three.try_acquire(ec)); }));
    three.release();
    three.release(4);
    EXPECT_FALSE(code_from([&](auto& ec) { three.release(1, ec); }));
    EXPECT_EQ(three.value(), 6);
    EXPECT_EQ(three.stats().available, 6);
}

TEST_F(Ownerless, MayBeReleasedByWhoNeverAcquired) {
    in_child([&] { empty.release(2); });
    EXPECT_TRUE(empty.try_acquire());
    std::thread([&] { empty.release(); }).join();
    EXPECT_EQ(empty.value(), 2);
}

TEST_F(Ownerless, ReleasedByNothingStaysAsItIs) {
    three.release(0);
    EXPECT_EQ(three.value(), 3);
    auto full = home->ownerless("full", {.initial = 2, .max = 2});
    full.release(0);
    EXPECT_EQ(full.value(), 2);
}

TEST_F(Ownerless, BeyondItsMaximumOverflowsAndAddsNothing) {
    auto five = home->ownerless("five", {.initial = 3, .max = 5});
    expect_both(
        errc::overflow, [&] { five.release(3); }, [&](std::error_code& ec) { five.release(3, ec); });
    EXPECT_EQ(five.value(), 3);
    five.release(2);
    EXPECT_EQ(code_from([&](auto& ec) { five.release(1, ec); }), errc::overflow);
    EXPECT_EQ(code_from([&](auto& ec) { five.release(INT64_MAX, ec); }), errc::overflow);
    EXPECT_EQ(five.value(), 5);
    auto full = home->ownerless("full", {.initial = INT_MAX});
    EXPECT_EQ(code_from([&](auto& ec) { full.release(1, ec); }), errc::overflow);
    EXPECT_EQ(full.value(), INT_MAX);
}

TEST_F(Ownerless, ReleasedByLessThanNothingIsAnInvalidArgument) {
    for (const std::int64_t n : std::initializer_list<std::int64_t>{-1, INT64_MIN}) {
        expect_both(
            errc::invalid_argument, [&] { three.release(n); }, [&](std::error_code& ec) { three.release(n, ec); });
    }
    EXPECT_EQ(three.value(), 3);
}

TEST_F(Ownerless, WithCountsThatCannotBeRightIsNotCreated) {
    for (const auto& one : std::initializer_list<std::pair<const char*, ownerless_options>>{
             {"initial -1", {.initial = -1}},
             {"initial beyond max", {.initial = 6, .max = 5}},
             {"max 0", {.max = 0}},
             {"max -1", {.max = -1}},
             {"max beyond int", {.max = static_cast<std::int64_t>(INT_MAX) + 1}},
         }) {
        const ownerless_options& options = one.second;
        SCOPED_TRACE(one.first);
        expect_both(
            errc::invalid_argument, [&] { (void)home->ownerless("bad", options); },
            [&](std::error_code& ec) { EXPECT_FALSE(home->ownerless("bad", options, ec)); });
    }
    EXPECT_EQ(home->inspect().semaphores.size(), 2U);
}

TEST_F(Ownerless, TakesItsInitialCountFromItsCreatorOnly) {
    auto again = home->ownerless("three", {.initial = 9});
    EXPECT_EQ(again.value(), 3);
    again.acquire();
    EXPECT_EQ(three.value(), 2);
}

TEST_F(Ownerless, WithAnotherMaximumOrRoomForWaitersIsAMismatchUnlessAdopted) {
    auto first = home->ownerless("m", {.max = 37, .max_waiters = 3});
    EXPECT_TRUE(home->ownerless("m", {.initial = 5, .max = 37, .max_waiters = 3})) << "initial is the creator's";
    EXPECT_TRUE(home->ownerless("m", {.max = 41, .if_different = if_different::adopt}));
    const auto words = expect_both(
        errc::semaphore_mismatch, [&] { (void)home->ownerless("m", {.max = 41}); },
        [&](std::error_code& ec) { (void)home->ownerless("m", {.max = 41}, ec); });
    for (const char* value : {"37", "41", "3", "0"})
        EXPECT_NE(without(words, home.name()).find(value), std::string::npos) << value << " in: " << words;
    auto adopted = home->ownerless("m", {.if_different = if_different::adopt});
    EXPECT_EQ(code_from([&](auto& ec) { adopted.release(38, ec); }), errc::overflow);
}

TEST_F(Ownerless, HasNothingToResize) {
    expect_both(
        errc::invalid_argument, [&] { (void)home->ownerless("r", {.if_different = if_different::resize}); },
        [&](std::error_code& ec) { (void)home->ownerless("r", {.if_different = if_different::resize}, ec); });
}

TEST_F(Ownerless, WaitsUntilSomebodyReleases) {
    auto waiter = fork_child([&] { empty.acquire(); });
    ASSERT_TRUE(queued(empty, 1));
    empty.release();
    EXPECT_EQ(waiter.wait_exit(), 0);
    EXPECT_EQ(empty.value(), 0) << "the unit went to the waiter";
}

TEST_F(Ownerless, ReleasedBySeveralWakesAsMany) {
    std::vector<std::jthread> waiters;
    tally through;
    for (std::uint32_t i = 0; i < 5; ++i) {
        waiters.emplace_back([&] {
            empty.acquire();
            through.add();
        });
        ASSERT_TRUE(queued(empty, i + 1));
    }
    empty.release(3);
    through.wait_for(3);
    EXPECT_TRUE(queued(empty, 2));
    EXPECT_EQ(empty.value(), 0);
    empty.release(4);
    through.wait_for(5);
    waiters.clear();
    EXPECT_EQ(empty.value(), 2);
}

TEST_F(Ownerless, ServesWaitersInTheOrderInWhichTheyCame) {
    constexpr std::uint32_t kWaiters = 8;
    std::mutex lock;
    std::vector<std::uint32_t> served;
    std::vector<std::jthread> waiters;
    tally through;
    for (std::uint32_t i = 0; i < kWaiters; ++i) {
        waiters.emplace_back([&, i] {
            empty.acquire();
            const std::lock_guard hold(lock);
            served.push_back(i);
            through.add();
        });
        ASSERT_TRUE(queued(empty, i + 1));
    }
    for (std::uint32_t i = 0; i < kWaiters; ++i) {
        empty.release();
        through.wait_for(i + 1);
    }
    EXPECT_EQ(served, (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6, 7}));
    EXPECT_EQ(empty.stats().inversions, 0U);
}

TEST_F(Ownerless, WithATimeoutNeverGivesUpBeforeItAndNeverErrs) {
    for (const auto timeout : {0ms, 1ms, 10ms}) {
        const auto end = clock::now() + timeout;
        EXPECT_FALSE(empty.try_acquire_until(end));
        EXPECT_GE(clock::now(), end);
        EXPECT_FALSE(empty.try_acquire_for(timeout));
        EXPECT_FALSE(code_from([&](auto& ec) { EXPECT_FALSE(empty.try_acquire_until(clock::now() + timeout, {}, ec)); }));
    }
    EXPECT_FALSE(empty.try_acquire_for(-1h));
    EXPECT_EQ(empty.stats().waiting, 0U);
    EXPECT_TRUE(three.try_acquire_for(0ns));
    EXPECT_TRUE(three.try_acquire_for(duration::max()));
    EXPECT_TRUE(three.try_acquire_until(deadline::min()));
    EXPECT_EQ(three.value(), 0);
}

TEST_F(Ownerless, WithATimeoutIsServedWhileItWaits) {
    auto waiter = std::async(std::launch::async, [&] { return empty.try_acquire_for(duration::max()); });
    ASSERT_TRUE(queued(empty, 1));
    empty.release();
    EXPECT_TRUE(waiter.get());
}

TEST_F(Ownerless, StoppedLeavesTheQueueToTheRest) {
    std::stop_source source;
    std::jthread stopped([&] { expect_throws(errc::cancelled, [&] { empty.acquire(source.get_token()); }); });
    ASSERT_TRUE(queued(empty, 1));
    std::jthread timed([&] { EXPECT_FALSE(empty.try_acquire_for(1h, source.get_token())); });
    ASSERT_TRUE(queued(empty, 2));
    auto rest = std::async(std::launch::async, [&] { empty.acquire(); });
    ASSERT_TRUE(queued(empty, 3));
    source.request_stop();
    stopped.join();
    timed.join();
    ASSERT_TRUE(queued(empty, 1));
    empty.release();
    rest.get();
    EXPECT_EQ(empty.stats().total_cancelled, 2U);
    EXPECT_EQ(empty.value(), 0);
}

TEST_F(Ownerless, BeyondTheMostWaitersIsRefused) {
    auto narrow = home->ownerless("narrow", {.max_waiters = 1});
    auto waiter = std::async(std::launch::async, [&] { narrow.acquire(); });
    ASSERT_TRUE(queued(narrow, 1));
    expect_both(
        errc::too_many_waiters, [&] { narrow.acquire(); }, [&](std::error_code& ec) { narrow.acquire(ec); });
    narrow.release();
    waiter.get();
}

TEST_F(Ownerless, KilledWhileItWaitedTakesNoUnitWithIt) {
    auto victim = fork_child([&] { empty.acquire(); });
    ASSERT_TRUE(queued(empty, 1));
    auto survivor = fork_child([&] { empty.acquire(); });
    ASSERT_TRUE(queued(empty, 2));
    ASSERT_TRUE(victim.kill());
    empty.release();
    EXPECT_EQ(survivor.wait_exit(), 0);
    EXPECT_EQ(empty.value(), 0);
}

TEST_F(Ownerless, LosesAndInventsNoUnitUnderContention) {
    constexpr int kProcesses = 4;
    const int each = rounds(3000);
    shared<std::atomic<int>> taken{0};
    std::vector<child> workers;
    for (int p = 0; p < kProcesses; ++p) {
        workers.push_back(fork_child([&, p] {
            for (int i = 0; i < each; ++i) {
                if (p % 2 == 0) {
                    three.acquire();
                } else if (!three.try_acquire_for(50us)) {
                    continue;
                }
                EXPECT_LE(taken->fetch_add(1) + 1, 3);
                taken->fetch_sub(1);
                three.release();
            }
        }));
    }
    for (auto& worker : workers) EXPECT_EQ(worker.wait_exit(), 0);
    EXPECT_EQ(three.value(), 3);
    EXPECT_EQ(three.stats().waiting, 0U);
    EXPECT_EQ(three.stats().inversions, 0U);
}

TEST_F(Ownerless, HandsWorkFromProducersToConsumersOneForOne) {
    const int each = rounds(5000);
    std::vector<child> consumers;
    for (int c = 0; c < 2; ++c) {
        consumers.push_back(fork_child([&] {
            for (int i = 0; i < each; ++i) empty.acquire();
        }));
    }
    std::vector<child> producers;
    for (int p = 0; p < 2; ++p) {
        producers.push_back(fork_child([&] {
            for (int i = 0; i < each; ++i) empty.release();
        }));
    }
    for (auto& consumer : consumers) EXPECT_EQ(consumer.wait_exit(), 0);
    for (auto& producer : producers) EXPECT_EQ(producer.wait_exit(), 0);
    EXPECT_EQ(empty.value(), 0);
}

TEST_F(Ownerless, IsSeenByInspectWithItsKindItsMaximumAndItsWaiters) {
    auto limited = home->ownerless("limited", {.initial = 0, .max = 10});
    std::stop_source source;
    std::jthread waiter([&] { expect_throws(errc::cancelled, [&] { limited.acquire(source.get_token()); }); });
    ASSERT_TRUE(queued(limited, 1));
    const auto seen = limited.inspect();
    EXPECT_EQ(seen.kind, kind::ownerless);
    EXPECT_EQ(seen.name, "limited");
    EXPECT_EQ(seen.stats.capacity, 10U);
    EXPECT_EQ(seen.stats.available, 0);
    EXPECT_EQ(seen.stats.acquired, 0U);
    EXPECT_TRUE(seen.holders.empty());
    ASSERT_EQ(seen.waiters.size(), 1U);
    EXPECT_EQ(seen.waiters[0].pid, static_cast<std::uint32_t>(::getpid()));
    EXPECT_NE(seen.waiters[0].ticket, 0U);
    source.request_stop();
}

}  // namespace
}  // namespace shmsem::test
