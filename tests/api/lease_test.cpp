#include <unistd.h>

#include <atomic>
#include <future>
#include <map>
#include <set>
#include <thread>
#include <type_traits>
#include <vector>

#include "support/shmsem_test.hpp"

// A lease as an object: given back once, movable, telling the truth about itself; its seat and its token.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<lease> && !std::is_copy_assignable_v<lease>);
static_assert(std::is_nothrow_move_constructible_v<lease> && std::is_nothrow_move_assignable_v<lease>);
static_assert(std::is_nothrow_swappable_v<lease> && std::is_nothrow_default_constructible_v<lease>);

class Lease : public WithSegment {
   protected:
    semaphore one = home->semaphore("one");
    semaphore four = home->semaphore("four", {.permits = 4});
};

TEST_F(Lease, IsReleasedByItsDestructor) {
    {
        const lease held = one.acquire();
        EXPECT_EQ(one.available(), 0U);
    }
    EXPECT_EQ(one.available(), 1U);
    EXPECT_EQ(one.stats().total_released, 1U);
}

TEST_F(Lease, ReleasedTwiceIsNoErrorAndTouchesNobodyElse) {
    lease mine = one.acquire();
    EXPECT_TRUE(mine.release());
    lease other = one.acquire();
    EXPECT_FALSE(mine.release());
    EXPECT_FALSE(code_from([&](auto& ec) { mine.release(ec); })) << "a second call is no error";
    EXPECT_TRUE(other.valid());
    EXPECT_EQ(one.available(), 0U);
    EXPECT_FALSE(mine);
    EXPECT_FALSE(mine.valid());
}

TEST_F(Lease, ReleasedWithAnErrorCodeClearsIt) {
    lease mine = one.acquire();
    EXPECT_FALSE(code_from([&](auto& ec) { mine.release(ec); }));
    EXPECT_EQ(one.available(), 1U);
}

TEST_F(Lease, ThatStandsForNothingAnswersEverything) {
    lease none;
    EXPECT_FALSE(none);
    EXPECT_FALSE(none.valid());
    EXPECT_FALSE(none.release());
    EXPECT_FALSE(none.renew());
    EXPECT_EQ(none.remaining(), 0ns);
    EXPECT_EQ(none.permits(), 0U);
    EXPECT_EQ(none.token(), 0U);
    EXPECT_EQ(none.ticket(), 0U);
    expect_throws(errc::invalid_argument, [&] { none.on_lost([] {}); });
    lease other;
    none.swap(other);
    none = std::move(other);
    EXPECT_FALSE(none);
}

TEST_F(Lease, MovedFromStandsForNothing) {
    lease first = one.acquire();
    const auto token = first.token();
    lease second = std::move(first);
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): that is what is tested
    EXPECT_FALSE(first.release());
    EXPECT_TRUE(second.valid());
    EXPECT_EQ(second.token(), token);
    EXPECT_EQ(one.available(), 0U);
}

TEST_F(Lease, AssignedToReleasesWhatItHeld) {
    lease held = four.acquire();
    lease next = four.acquire();
    const auto token = next.token();
    EXPECT_EQ(four.available(), 2U);
    held = std::move(next);
    EXPECT_EQ(four.available(), 3U);
    EXPECT_EQ(held.token(), token);
    EXPECT_TRUE(held.valid());
    held = lease{};
    EXPECT_EQ(four.available(), 4U);
}

TEST_F(Lease, AssignedToItselfStays) {
    lease held = one.acquire();
    lease& same = held;
    held = std::move(same);
    EXPECT_TRUE(held.valid());
    EXPECT_EQ(one.available(), 0U);
}

TEST_F(Lease, SwapsWithAnother) {
    lease a = one.acquire();
    lease b = four.acquire();
    const auto in_one = a.token();
    const auto in_four = b.token();
    a.swap(b);
    EXPECT_EQ(a.token(), in_four);
    EXPECT_EQ(b.token(), in_one);
    EXPECT_TRUE(b.release());
    EXPECT_EQ(one.available(), 1U);
    EXPECT_TRUE(a.valid());
}

TEST_F(Lease, MayBeReleasedByAnotherThread) {
    lease held = one.acquire();
    std::thread([moved = std::move(held)]() mutable { EXPECT_TRUE(moved.release()); }).join();
    EXPECT_EQ(one.available(), 1U);
}

TEST_F(Lease, OutlivesTheThreadThatAcquiredIt) {
    lease held;
    std::thread([&] { held = one.acquire(); }).join();
    EXPECT_TRUE(held.valid());
    EXPECT_EQ(one.reap(), 0U);
    EXPECT_FALSE(one.try_acquire());
    EXPECT_TRUE(held.release());
}

TEST_F(Lease, KnowsHowLongItLasts) {
    auto timed = home->semaphore("timed", {.ttl = 60s, .renewal = renewal::manual});
    const auto before = std::chrono::steady_clock::now();
    const lease held = timed.acquire();
    EXPECT_GT(held.remaining(), 50s);
    EXPECT_LE(held.remaining(), 60s + 50ms) << "ticks are 10 ms";
    EXPECT_GE(held.expires_at(), before + 59s);
    EXPECT_LE(held.expires_at(), std::chrono::steady_clock::now() + 60s + 50ms);
}

TEST_F(Lease, NeverEndsBeforeItsTtl) {
    for (const duration ttl : {duration{20ms}, duration{500ms}, duration{60s}}) {
        const auto before = std::chrono::steady_clock::now();
        const lease held = one.acquire({.ttl = ttl});
        EXPECT_GE(held.expires_at(), before + ttl);
    }
}

TEST_F(Lease, WithoutATtlLastsForever) {
    auto endless = home->semaphore("endless", {.ttl = forever});
    lease held = endless.acquire();
    EXPECT_EQ(held.remaining(), forever);
    EXPECT_EQ(held.expires_at(), deadline::max());
    EXPECT_TRUE(held.renew());
    EXPECT_TRUE(held.valid());
    EXPECT_EQ(endless.inspect().holders.at(0).ttl_left, forever);
}

TEST_F(Lease, TakesTheTtlOfItsAcquisitionBeforeThatOfTheSemaphore) {
    const lease shorter = four.acquire({.ttl = 5s});
    EXPECT_LE(shorter.remaining(), 5s + 50ms);
    EXPECT_GT(shorter.remaining(), 1s);
    const lease longer = four.acquire({.ttl = 1h});
    EXPECT_GT(longer.remaining(), 50min);
    const lease endless = four.acquire({.ttl = forever});
    EXPECT_EQ(endless.remaining(), forever);
}

TEST_F(Lease, HasASeatThatNoOtherLiveHolderHas) {
    std::vector<lease> held;
    std::set<std::uint32_t> seats;
    for (int i = 0; i < 4; ++i) {
        held.push_back(four.acquire());
        seats.insert(held.back().seat());
    }
    EXPECT_EQ(seats, (std::set{0U, 1U, 2U, 3U}));
    const auto freed = held[2].seat();
    held[2].release();
    EXPECT_EQ(four.acquire().seat(), freed);
}

TEST_F(Lease, HasATokenThatGrowsWithEachHolderOfItsSeat) {
    std::map<std::uint32_t, std::uint64_t> last;
    for (int i = 0; i < 1000; ++i) {
        const lease held = four.acquire();
        EXPECT_GT(held.token(), last[held.seat()]);
        last[held.seat()] = held.token();
    }
}

TEST_F(Lease, HasATokenThatGrowsAcrossProcessesAndTheDeathOfAHolder) {
    shared<std::atomic<std::uint64_t>> highest{0U};
    for (int i = 0; i < 10; ++i) {
        auto holder = fork_child([&] {
            lease held = one.acquire();
            EXPECT_GT(held.token(), highest->load());
            highest->store(held.token());
            if (i % 2 == 0) ::raise(SIGKILL);
        });
        if (i % 2 == 0) {
            EXPECT_EQ(holder.wait_signal(), SIGKILL);
        } else {
            EXPECT_EQ(holder.wait_exit(), 0);
        }
    }
    EXPECT_GT(one.acquire().token(), highest->load());
}

TEST_F(Lease, HasATokenThatStillGrowsWhenTheSequenceInItsWordWraps) {
    constexpr int kMoreThanAWord = (1 << 17) + 1000;
    std::uint64_t last = 0;
    for (int i = 0; i < kMoreThanAWord; ++i) {
        const lease held = one.acquire();
        ASSERT_GT(held.token(), last) << "after " << i;
        last = held.token();
    }
    EXPECT_GE(last, static_cast<std::uint64_t>(kMoreThanAWord));
}

TEST_F(Lease, RenewedKeepsItsTokenItsSeatAndItsPlace) {
    lease held = four.acquire({.ttl = 60s});
    const auto token = held.token();
    const auto seat = held.seat();
    for (int i = 0; i < 100; ++i) {
        EXPECT_TRUE(held.renew());
        EXPECT_FALSE(code_from([&](auto& ec) { held.renew(ec); }));
    }
    EXPECT_EQ(held.token(), token);
    EXPECT_EQ(held.seat(), seat);
    EXPECT_TRUE(held.valid());
    EXPECT_EQ(four.available(), 3U);
}

TEST_F(Lease, InAForkedChildIsInertAndTheParentKeepsIt) {
    lease held = one.acquire();
    in_child([&] {
        EXPECT_FALSE(held.valid());
        EXPECT_FALSE(held.renew());
        EXPECT_EQ(code_from([&](auto& ec) { held.renew(ec); }), errc::lease_lost);
        EXPECT_EQ(code_from([&](auto& ec) { held.release(ec); }), errc::lease_lost);
        EXPECT_FALSE(held.release());
        EXPECT_FALSE(one.try_acquire());
        const lease dropped = std::move(held);
    });
    EXPECT_TRUE(held.valid());
    EXPECT_EQ(one.available(), 0U);
    EXPECT_TRUE(held.release());
}

}  // namespace
}  // namespace shmsem::test
