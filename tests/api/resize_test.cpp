#include <future>
#include <optional>
#include <vector>

#include "support/shmsem_test.hpp"

// Permits can become more or fewer while they are in use: growing serves waiters, shrinking takes nothing from a holder.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

class Resize : public WithSegment {
   protected:
    semaphore s = home->semaphore("s", {.permits = 4, .max_permits = 8});

    std::vector<lease> hold(int n) {
        std::vector<lease> held;
        for (int i = 0; i < n; ++i) held.push_back(s.acquire());
        return held;
    }
};

TEST_F(Resize, GrowsToPermitsThatCanBeTakenAtOnce) {
    auto held = hold(4);
    EXPECT_FALSE(s.try_acquire());
    s.resize(6);
    EXPECT_EQ(s.permits(), 6U);
    EXPECT_EQ(s.available(), 2U);
    auto more = hold(2);
    EXPECT_FALSE(s.try_acquire());
    EXPECT_EQ(s.stats().capacity, 6U);
}

TEST_F(Resize, GrowingServesWaitersAtOnce) {
    auto held = hold(4);
    auto first = std::async(std::launch::async, [&] { return s.acquire(); });
    ASSERT_TRUE(queued(s, 1));
    auto second = fork_child([&] { EXPECT_TRUE(s.acquire().valid()); });
    ASSERT_TRUE(queued(s, 2));
    s.resize(6);
    EXPECT_TRUE(first.get().valid());
    EXPECT_EQ(second.wait_exit(), 0);
    EXPECT_EQ(held.size(), 4U);
}

TEST_F(Resize, ShrinksByPermitsThatAreFree) {
    s.resize(1);
    EXPECT_EQ(s.permits(), 1U);
    EXPECT_EQ(s.available(), 1U);
    auto held = s.acquire();
    EXPECT_FALSE(s.try_acquire());
}

TEST_F(Resize, ShrinkingTakesNothingFromAHolderAndClosesWhatItGivesBack) {
    auto held = hold(3);
    s.resize(2);
    EXPECT_EQ(s.permits(), 2U);
    EXPECT_EQ(s.available(), 0U);
    for (const auto& lease : held) EXPECT_TRUE(lease.valid());
    EXPECT_FALSE(s.try_acquire());
    EXPECT_TRUE(invariants_hold(*home));
    // Three are held and two are to stay: whichever goes first, exactly one of the three closes.
    EXPECT_TRUE(held[0].release());
    EXPECT_TRUE(held[1].release());
    EXPECT_TRUE(held[2].release());
    EXPECT_EQ(s.available(), 2U);
    auto again = hold(2);
    EXPECT_FALSE(s.try_acquire());
}

TEST_F(Resize, ShrinkingKeepsRenewalAndTokensOfWhatIsHeld) {
    auto held = hold(4);
    const auto token = held[3].token();
    s.resize(1);
    EXPECT_TRUE(held[3].renew());
    EXPECT_TRUE(held[3].valid());
    EXPECT_EQ(held[3].token(), token);
    EXPECT_GT(held[3].remaining(), 0ns);
}

TEST_F(Resize, ShrinkingAndGrowingBackWhileHeldLosesNothing) {
    auto held = hold(4);
    s.resize(1);
    s.resize(4);
    for (const auto& lease : held) EXPECT_TRUE(lease.valid());
    EXPECT_EQ(s.available(), 0U);
    held.clear();
    EXPECT_EQ(s.available(), 4U);
    auto again = hold(4);
    EXPECT_FALSE(s.try_acquire());
}

TEST_F(Resize, ShrinkingAndGrowingAfterAReleaseOpensWhatHadClosed) {
    auto held = hold(4);
    s.resize(1);
    held.clear();
    EXPECT_EQ(s.available(), 1U);
    s.resize(8);
    EXPECT_EQ(s.available(), 8U);
    auto all = s.try_acquire({.permits = 8});
    ASSERT_TRUE(all);
    EXPECT_EQ(all->permits(), 8U);
}

TEST_F(Resize, ShrinkingLeavesWaitersToThePermitsThatRemain) {
    auto held = hold(4);
    auto waiter = std::async(std::launch::async, [&] { return s.acquire(); });
    ASSERT_TRUE(queued(s, 1));
    s.resize(1);
    EXPECT_EQ(s.stats().waiting, 1U);
    held.clear();
    lease got = waiter.get();
    EXPECT_TRUE(got.valid());
    EXPECT_EQ(s.available(), 0U);
    got.release();
    EXPECT_EQ(s.available(), 1U);
}

TEST_F(Resize, ShrinkingBelowWhatAWaiterAskedForRefusesItAndServesThoseBehind) {
    auto held = hold(4);
    auto wants_three = std::async(std::launch::async,
                                  [&] { return code_from([&](auto& ec) { EXPECT_FALSE(s.acquire({.permits = 3}, ec)); }); });
    ASSERT_TRUE(queued(s, 1));
    auto wants_one = std::async(std::launch::async, [&] { return s.acquire(); });
    ASSERT_TRUE(queued(s, 2));
    s.resize(2);
    EXPECT_EQ(wants_three.get(), errc::invalid_argument) << "a wait that could not end";
    ASSERT_TRUE(queued(s, 1));
    held.clear();
    EXPECT_TRUE(wants_one.get().valid());
    EXPECT_EQ(s.available(), 2U);
}

TEST_F(Resize, ToTheNumberItHasChangesNothing) {
    auto held = hold(2);
    s.resize(4);
    EXPECT_EQ(s.permits(), 4U);
    EXPECT_EQ(s.available(), 2U);
}

TEST_F(Resize, ToNothingOrBeyondTheMaximumIsRefusedAndChangesNothing) {
    for (const std::int64_t n : std::initializer_list<std::int64_t>{0, -1, INT64_MIN}) {
        expect_both(
            errc::invalid_argument, [&] { s.resize(n); }, [&](std::error_code& ec) { s.resize(n, ec); });
    }
    for (const std::int64_t n : std::initializer_list<std::int64_t>{9, 1LL << 33, INT64_MAX}) {
        expect_both(
            errc::too_many_permits, [&] { s.resize(n); }, [&](std::error_code& ec) { s.resize(n, ec); });
    }
    EXPECT_EQ(s.permits(), 4U);
    EXPECT_EQ(s.available(), 4U);
    EXPECT_FALSE(code_from([&](auto& ec) { s.resize(8, ec); }));
    EXPECT_EQ(s.permits(), 8U);
}

TEST_F(Resize, IsSeenByEveryProcess) {
    in_child([&] { s.resize(7); });
    EXPECT_EQ(s.permits(), 7U);
    EXPECT_EQ(s.available(), 7U);
}

TEST_F(Resize, WhileOthersAcquireAndReleaseKeepsTheCountTrue) {
    shared<flag> stop;
    std::vector<child> users;
    for (int i = 0; i < 3; ++i) {
        users.push_back(fork_child([&, i] {
            while (!stop->raised()) {
                if (auto held = i == 0 ? s.try_acquire_for(1ms) : std::optional(s.acquire())) {
                    EXPECT_TRUE(held->valid());
                    EXPECT_TRUE(held->release());
                }
            }
        }));
    }
    for (int i = 0; i < rounds(300); ++i) {
        s.resize(1 + i % 8);
        EXPECT_LE(s.available(), 8U);
    }
    s.resize(5);
    stop->raise();
    for (auto& user : users) EXPECT_EQ(user.wait_exit(), 0);
    EXPECT_EQ(s.permits(), 5U);
    EXPECT_EQ(s.available(), 5U);
    auto all = s.try_acquire({.permits = 5});
    EXPECT_TRUE(all);
    EXPECT_FALSE(s.try_acquire());
}

}  // namespace
}  // namespace shmsem::test
