#include <gtest/gtest.h>

#include <atomic>
#include <climits>
#include <concepts>
#include <semaphore>
#include <thread>
#include <type_traits>
#include <vector>

#include "shmsem/ownerless.hpp"
#include "support/shmsem_test.hpp"

// Code written against std behaves as before, but for what the header names: each test body runs on both, word for word.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

struct of_std {
    template <std::ptrdiff_t Max = INT_MAX>
    using counting = std::counting_semaphore<Max>;
    using binary = std::binary_semaphore;
};
struct of_shmsem {
    template <std::ptrdiff_t Max = INT_MAX>
    using counting = shmsem::counting_semaphore<Max>;
    using binary = shmsem::binary_semaphore;
};
struct names {
    template <class T>
    static std::string GetName(int) {
        return std::is_same_v<T, of_std> ? "std" : "shmsem";
    }
};

template <class Family>
class CountingSemaphore : public ::testing::Test {
   protected:
    watchdog guard{60s};
    using counting = typename Family::template counting<>;
    using binary = typename Family::binary;
    template <std::ptrdiff_t Max>
    using limited = typename Family::template counting<Max>;
};
using both_families = ::testing::Types<of_std, of_shmsem>;
TYPED_TEST_SUITE(CountingSemaphore, both_families, names);

// The interface in [thread.sema.cnt].
template <class S>
concept std_semaphore = requires(S s, std::ptrdiff_t n) {
    { S::max() }
    noexcept->std::same_as<std::ptrdiff_t>;
    { s.release() } -> std::same_as<void>;
    { s.release(n) } -> std::same_as<void>;
    { s.acquire() } -> std::same_as<void>;
    { s.try_acquire() }
    noexcept->std::same_as<bool>;
    { s.try_acquire_for(1ms) } -> std::same_as<bool>;
    { s.try_acquire_for(std::chrono::duration<double>(1)) } -> std::same_as<bool>;
    { s.try_acquire_until(clock::now()) } -> std::same_as<bool>;
    { s.try_acquire_until(std::chrono::system_clock::now()) } -> std::same_as<bool>;
};
template <class Family>
constexpr bool has_the_interface() {
    using S = typename Family::template counting<>;
    static_assert(std_semaphore<S> && std_semaphore<typename Family::binary>);
    static_assert(std::is_constructible_v<S, std::ptrdiff_t> && !std::is_convertible_v<std::ptrdiff_t, S>);
    static_assert(!std::is_default_constructible_v<S>);
    static_assert(!std::is_copy_constructible_v<S> && !std::is_copy_assignable_v<S>);
    static_assert(!std::is_move_constructible_v<S> && !std::is_move_assignable_v<S>);
    static_assert(Family::template counting<5>::max() >= 5);
    static_assert(Family::binary::max() >= 1);
    return true;
}
static_assert(has_the_interface<of_std>() && has_the_interface<of_shmsem>());

TYPED_TEST(CountingSemaphore, StartsAtTheDesiredCount) {
    for (const std::ptrdiff_t desired : {0, 1, 3}) {
        typename TestFixture::counting s{desired};
        for (std::ptrdiff_t i = 0; i < desired; ++i) EXPECT_TRUE(s.try_acquire());
        EXPECT_FALSE(s.try_acquire());
    }
}

TYPED_TEST(CountingSemaphore, AcquiresWithoutWaitingWhileTheCountIsPositive) {
    typename TestFixture::counting s{3};
    s.acquire();
    EXPECT_TRUE(s.try_acquire());
    EXPECT_TRUE(s.try_acquire_for(1h));
    EXPECT_FALSE(s.try_acquire());
}

TYPED_TEST(CountingSemaphore, ReleasesOneOrMany) {
    typename TestFixture::counting s{0};
    s.release();
    EXPECT_TRUE(s.try_acquire());
    s.release(3);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(s.try_acquire());
    EXPECT_FALSE(s.try_acquire());
    s.release(0);
    EXPECT_FALSE(s.try_acquire());
}

TYPED_TEST(CountingSemaphore, ReachesTheMaximumThatItWasGiven) {
    typename TestFixture::template limited<4> s{1};
    s.release(3);
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(s.try_acquire());
    EXPECT_FALSE(s.try_acquire());
}

TYPED_TEST(CountingSemaphore, BlocksUntilAnotherThreadReleases) {
    typename TestFixture::counting s{0};
    std::atomic<bool> released{false};
    std::jthread other([&] {
        released = true;
        s.release();
    });
    s.acquire();
    EXPECT_TRUE(released);
}

TYPED_TEST(CountingSemaphore, TimesOutNeverBeforeTheTime) {
    typename TestFixture::counting s{0};
    for (const auto timeout : {1ms, 10ms}) {
        const auto start = clock::now();
        EXPECT_FALSE(s.try_acquire_for(timeout));
        EXPECT_GE(clock::now(), start + timeout);
        const auto end = clock::now() + timeout;
        EXPECT_FALSE(s.try_acquire_until(end));
        EXPECT_GE(clock::now(), end);
        const auto wall_end = std::chrono::system_clock::now() + timeout;
        EXPECT_FALSE(s.try_acquire_until(wall_end));
        EXPECT_GE(std::chrono::system_clock::now(), wall_end);
    }
}

TYPED_TEST(CountingSemaphore, WithATimeThatHasPassedStillTakesWhatIsThere) {
    typename TestFixture::counting s{3};
    EXPECT_TRUE(s.try_acquire_for(0s));
    EXPECT_TRUE(s.try_acquire_for(-1s));
    EXPECT_TRUE(s.try_acquire_until(clock::now() - 1s));
    EXPECT_FALSE(s.try_acquire_for(0s));
    EXPECT_FALSE(s.try_acquire_for(-1s));
    EXPECT_FALSE(s.try_acquire_until(clock::now() - 1s));
    EXPECT_FALSE(s.try_acquire_until(std::chrono::system_clock::now() - 1s));
}

TYPED_TEST(CountingSemaphore, WithATimeoutIsServedByAReleaseInTime) {
    typename TestFixture::counting s{0};
    std::jthread other([&] { s.release(3); });
    EXPECT_TRUE(s.try_acquire_for(1h));
    EXPECT_TRUE(s.try_acquire_until(clock::now() + 1h));
    EXPECT_TRUE(s.try_acquire_until(std::chrono::system_clock::now() + 1h));
}

TYPED_TEST(CountingSemaphore, ReleasedByNWakesNThreads) {
    constexpr int kThreads = 6;
    typename TestFixture::counting s{0};
    std::vector<std::jthread> threads;
    tally through;
    for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&] {
            s.acquire();
            through.add();
        });
    }
    s.release(kThreads);
    through.wait_for(kThreads);
    EXPECT_FALSE(s.try_acquire());
}

TYPED_TEST(CountingSemaphore, PublishesWhatWasWrittenBeforeTheRelease) {
    typename TestFixture::binary full{0};
    typename TestFixture::binary vacant{1};
    int box = 0;  // plain: the semaphores alone order the accesses, and ThreadSanitizer watches
    const int count = rounds(2000);
    std::jthread producer([&] {
        for (int i = 1; i <= count; ++i) {
            vacant.acquire();
            box = i;
            full.release();
        }
    });
    for (int i = 1; i <= count; ++i) {
        full.acquire();
        ASSERT_EQ(box, i);
        vacant.release();
    }
}

TYPED_TEST(CountingSemaphore, ServesAsAMutex) {
    typename TestFixture::binary lock{1};
    int count = 0;
    const int each = rounds(2000);
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < each; ++i) {
                    lock.acquire();
                    ++count;
                    lock.release();
                }
            });
        }
    }
    EXPECT_EQ(count, 4 * each);
    EXPECT_TRUE(lock.try_acquire());
}

TYPED_TEST(CountingSemaphore, LosesNoUnitWhenWaitsTimeOutAmongReleases) {
    typename TestFixture::counting s{0};
    const int units = rounds(4000);
    std::atomic<int> taken{0};
    {
        std::vector<std::jthread> consumers;
        for (int t = 0; t < 3; ++t) {
            consumers.emplace_back([&] {
                while (taken.load() < units) {
                    if (s.try_acquire_for(20us)) ++taken;
                }
            });
        }
        for (int i = 0; i < units; ++i) s.release();
    }
    EXPECT_EQ(taken.load(), units);
    EXPECT_FALSE(s.try_acquire());
}

TYPED_TEST(CountingSemaphore, MayBeMadeAndDestroyedManyTimes) {
    for (int i = 0; i < rounds(300); ++i) {
        typename TestFixture::counting s{1};
        EXPECT_TRUE(s.try_acquire());
        s.release(2);
    }
}

// What std's does not do: it is shared with the children that the process forks, and it can have a name.

TEST(SharedCountingSemaphore, IsSharedWithForkedChildren) {
    watchdog guard{60s};
    counting_semaphore<> to_child{0};
    binary_semaphore to_parent{0};
    const int turns = rounds(500);
    auto other = fork_child([&] {
        for (int i = 0; i < turns; ++i) {
            to_child.acquire();
            to_parent.release();
        }
    });
    for (int i = 0; i < turns; ++i) {
        to_child.release();
        to_parent.acquire();
    }
    EXPECT_EQ(other.wait_exit(), 0);
    EXPECT_FALSE(to_child.try_acquire());
    EXPECT_FALSE(to_parent.try_acquire());
}

TEST(SharedCountingSemaphore, CountsForAllForkedChildren) {
    watchdog guard{60s};
    counting_semaphore<3> three{3};
    shared<std::atomic<int>> inside{0};
    std::vector<child> workers;
    for (int p = 0; p < 5; ++p) {
        workers.push_back(fork_child([&] {
            for (int i = 0; i < rounds(1000); ++i) {
                three.acquire();
                EXPECT_LE(inside->fetch_add(1) + 1, 3);
                inside->fetch_sub(1);
                three.release();
            }
        }));
    }
    for (auto& worker : workers) EXPECT_EQ(worker.wait_exit(), 0);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(three.try_acquire());
    EXPECT_FALSE(three.try_acquire());
}

TEST(SharedCountingSemaphore, TimesOutInAForkedChild) {
    watchdog guard{60s};
    binary_semaphore s{0};
    in_child([&] {
        EXPECT_FALSE(s.try_acquire());
        EXPECT_FALSE(s.try_acquire_for(2ms));
        EXPECT_FALSE(s.try_acquire_until(std::chrono::system_clock::now() + 2ms));
    });
    s.release();
    in_child([&] { EXPECT_TRUE(s.try_acquire_for(1h)); });
    EXPECT_FALSE(s.try_acquire());
}

TEST(SharedCountingSemaphore, DestroyedByAForkedChildLivesOnInItsMaker) {
    watchdog guard{60s};
    auto* s = new counting_semaphore<>{1};
    in_child([&] { delete s; });
    EXPECT_TRUE(s->try_acquire());
    s->release();
    s->acquire();
    delete s;
}

TEST(SharedCountingSemaphore, WithANameIsFoundByUnrelatedProcesses) {
    watchdog guard{60s};
    const test_name wanted;
    segment home = segment::create(wanted.name(), small_limits);
    counting_semaphore<10> mine{home, "count", 2};
    in_child([&] {
        segment theirs = segment::open(wanted.name());
        counting_semaphore<10> same{theirs, "count", 7};
        EXPECT_TRUE(same.try_acquire());
        EXPECT_TRUE(same.try_acquire());
        EXPECT_FALSE(same.try_acquire()) << "7 counts for a creator only";
        same.release(4);
    });
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(mine.try_acquire());
    EXPECT_FALSE(mine.try_acquire());
}

TEST(SharedCountingSemaphore, ReleasedBeyondItsMaximumSaysSoWhereStdIsUndefined) {
    watchdog guard{60s};
    counting_semaphore<2> s{1};
    expect_throws(errc::overflow, [&] { s.release(2); });
    expect_throws(errc::invalid_argument, [&] { s.release(-1); });
    s.release();
    EXPECT_TRUE(s.try_acquire());
    EXPECT_TRUE(s.try_acquire());
    EXPECT_FALSE(s.try_acquire());
    expect_throws(errc::invalid_argument, [] { counting_semaphore<2> too_many{3}; });
    expect_throws(errc::invalid_argument, [] { counting_semaphore<2> negative{-1}; });
}

}  // namespace
}  // namespace shmsem::test
