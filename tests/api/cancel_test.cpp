#include <array>
#include <atomic>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include "os/testing.hpp"
#include "support/shmsem_test.hpp"

// Leaving the queue: by a stop request or by a time-out. Whoever leaves leaves no trace and delays nobody; if the grant came
// first, the caller has the lease (I4).

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

class Cancel : public WithSegment {
   protected:
    semaphore one = home->semaphore("one");
    semaphore two = home->semaphore("two", {.permits = 2});
    std::stop_source source;

    // What a kill point runs is a plain function; these are what it acts on.
    static inline std::stop_source* stop_at_point = nullptr;
    static inline lease* release_at_point = nullptr;
    void TearDown() override {
        stop_at_point = nullptr;
        release_at_point = nullptr;
    }
};

TEST_F(Cancel, EndsAWaitWithItsCode) {
    auto held = one.acquire();
    auto waiter = std::async(std::launch::async, [&] {
        return code_from([&](auto& ec) { EXPECT_FALSE(one.acquire({.stop = source.get_token()}, ec)); });
    });
    ASSERT_TRUE(queued(one, 1));
    source.request_stop();
    EXPECT_EQ(waiter.get(), errc::cancelled);
    EXPECT_EQ(one.stats().waiting, 0U);
    EXPECT_EQ(one.stats().total_cancelled, 1U);
    EXPECT_EQ(one.stats().total_timed_out, 0U);
}

TEST_F(Cancel, EndsAThrowingWaitWithAnException) {
    auto held = one.acquire();
    std::jthread waiter([&] { expect_throws(errc::cancelled, [&] { (void)one.acquire({.stop = source.get_token()}); }); });
    ASSERT_TRUE(queued(one, 1));
    source.request_stop();
}

TEST_F(Cancel, EndsAWaitWithATimeoutWithNothing) {
    auto held = one.acquire();
    for (int form = 0; form < 3; ++form) {
        std::stop_source own;
        auto waiter = std::async(std::launch::async, [&] {
            const acquire_options how{.stop = own.get_token()};
            if (form == 0) return one.try_acquire_for(1h, how);
            if (form == 1) return one.try_acquire_until(deadline::max(), how);
            std::error_code ec;
            auto got = one.try_acquire_for(1h, how, ec);
            EXPECT_TRUE(!ec || ec == errc::cancelled) << ec.message();
            return got;
        });
        ASSERT_TRUE(queued(one, 1));
        own.request_stop();
        EXPECT_FALSE(waiter.get());
    }
    EXPECT_EQ(one.stats().total_cancelled, 3U);
}

TEST_F(Cancel, RequestedBeforehandNeverWaits) {
    auto held = one.acquire();
    source.request_stop();
    EXPECT_EQ(code_from([&](auto& ec) { (void)one.acquire({.stop = source.get_token()}, ec); }), errc::cancelled);
    EXPECT_FALSE(one.try_acquire_for(1h, {.stop = source.get_token()}));
    EXPECT_EQ(one.stats().waiting, 0U);
}

TEST_F(Cancel, DoesNothingToAWaitThatIsOver) {
    lease held = one.acquire({.stop = source.get_token()});
    source.request_stop();
    EXPECT_TRUE(held.valid());
    EXPECT_TRUE(held.release());
}

TEST_F(Cancel, OfOneWaiterIsNotTheBusinessOfTheOthers) {
    auto held = one.acquire();
    std::array<std::stop_source, 3> sources;
    std::array<std::future<bool>, 3> waiters;
    for (std::uint32_t i = 0; i < 3; ++i) {
        waiters[i] = std::async(std::launch::async, [&, i] {
            std::error_code ec;
            return one.acquire({.stop = sources[i].get_token()}, ec).valid();
        });
        ASSERT_TRUE(queued(one, i + 1));
    }
    sources[1].request_stop();
    EXPECT_FALSE(waiters[1].get());
    ASSERT_TRUE(queued(one, 2));
    EXPECT_TRUE(invariants_hold(*home));
    held.release();
    EXPECT_TRUE(waiters[0].get());
    EXPECT_TRUE(waiters[2].get());
    EXPECT_EQ(one.stats().inversions, 0U);
}

TEST_F(Cancel, OfTheHeadServesThoseItHeldUp) {
    auto held = two.acquire();
    auto wants_both = std::async(std::launch::async, [&] {
        return code_from([&](auto& ec) { (void)two.acquire({.permits = 2, .stop = source.get_token()}, ec); });
    });
    ASSERT_TRUE(queued(two, 1));
    auto wants_one = std::async(std::launch::async, [&] { return two.acquire(); });
    ASSERT_TRUE(queued(two, 2));
    source.request_stop();
    EXPECT_EQ(wants_both.get(), errc::cancelled);
    EXPECT_TRUE(wants_one.get().valid()) << "with nothing released meanwhile";
    EXPECT_TRUE(held.valid());
}

TEST_F(Cancel, ByTimeoutOfTheHeadServesThoseItHeldUp) {
    auto held = two.acquire();
    auto wants_both = std::async(std::launch::async, [&] { return two.try_acquire_for(300ms, {.permits = 2}); });
    auto wants_one = std::async(std::launch::async, [&] {
        EXPECT_TRUE(eventually([&] { return two.stats().waiting == 1 || two.stats().total_timed_out == 1; }));
        return two.acquire();
    });
    EXPECT_FALSE(wants_both.get());
    EXPECT_TRUE(wants_one.get().valid());
}

TEST_F(Cancel, AfterTheGrantGivesTheLease) {
    // The stop is requested after the grant and before the waiter has taken it over.
    stop_at_point = &source;
    os::testing::call_at("wait.granted", [] { stop_at_point->request_stop(); });
    auto held = one.acquire();
    auto waiter = std::async(std::launch::async, [&] { return one.acquire({.stop = source.get_token()}); });
    ASSERT_TRUE(queued(one, 1));
    held.release();
    lease got = waiter.get();
    EXPECT_TRUE(source.stop_requested());
    EXPECT_TRUE(got.valid());
    EXPECT_EQ(one.stats().total_cancelled, 0U);
}

TEST_F(Cancel, JustBeforeTheReleaseLosesNoWakeUp) {
    // The permit comes free after the waiter has given up and before it has left the queue.
    auto held = one.acquire();
    release_at_point = &held;
    os::testing::call_at("wait.abandoned", [] { EXPECT_TRUE(release_at_point->release()); });
    auto gives_up = std::async(std::launch::async, [&] {
        return code_from([&](auto& ec) { (void)one.acquire({.stop = source.get_token()}, ec); });
    });
    ASSERT_TRUE(queued(one, 1));
    auto next = std::async(std::launch::async, [&] { return one.acquire(); });
    ASSERT_TRUE(queued(one, 2));
    source.request_stop();
    EXPECT_EQ(gives_up.get(), errc::cancelled);
    EXPECT_TRUE(next.get().valid());
    EXPECT_EQ(one.available(), 1U);
}

TEST_F(Cancel, ByTimeoutJustBeforeTheReleaseLosesNoPermit) {
    auto held = one.acquire();
    release_at_point = &held;
    os::testing::call_at("wait.abandoned", [] { EXPECT_TRUE(release_at_point->release()); });
    EXPECT_FALSE(one.try_acquire_for(1ms));
    EXPECT_FALSE(held);
    EXPECT_TRUE(one.try_acquire());
}

TEST_F(Cancel, FromTheStopCallbackOfAnotherThreadIsSafeAtAnyMoment) {
    // Stops and grants race; each wait ends in exactly one of the two ways, and no permit is lost.
    struct outcome {
        std::atomic<std::uint64_t> granted{0};
        std::atomic<std::uint64_t> cancelled{0};
    } seen;
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < rounds(1000); ++i) {
                std::stop_source own;
                std::jthread stopper([&] { own.request_stop(); });
                std::error_code ec;
                lease got = two.acquire({.stop = own.get_token()}, ec);
                if (got) {
                    EXPECT_FALSE(ec);
                    EXPECT_TRUE(got.release());
                    ++seen.granted;
                } else {
                    EXPECT_EQ(ec, errc::cancelled);
                    ++seen.cancelled;
                }
            }
        });
    }
    threads.clear();
    EXPECT_EQ(seen.granted + seen.cancelled, 4U * static_cast<unsigned>(rounds(1000)));
    EXPECT_EQ(two.available(), 2U);
    EXPECT_EQ(two.stats().waiting, 0U);
    EXPECT_EQ(two.stats().inversions, 0U);
}

TEST_F(Cancel, InAnotherProcessLeavesTheQueueToTheRest) {
    auto held = one.acquire();
    shared<flag> stop;
    auto leaves = fork_child([&] {
        std::stop_source own;
        std::jthread stopper([&] {
            stop->wait();
            own.request_stop();
        });
        EXPECT_EQ(code_from([&](auto& ec) { (void)one.acquire({.stop = own.get_token()}, ec); }), errc::cancelled);
    });
    ASSERT_TRUE(queued(one, 1));
    auto stays = fork_child([&] { EXPECT_TRUE(one.acquire().valid()); });
    ASSERT_TRUE(queued(one, 2));
    stop->raise();
    EXPECT_EQ(leaves.wait_exit(), 0);
    ASSERT_TRUE(queued(one, 1));
    EXPECT_TRUE(invariants_hold(*home));
    held.release();
    EXPECT_EQ(stays.wait_exit(), 0);
}

}  // namespace
}  // namespace shmsem::test
