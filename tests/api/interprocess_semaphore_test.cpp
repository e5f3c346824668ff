#include <boost/date_time/posix_time/posix_time_types.hpp>
#include <boost/interprocess/sync/interprocess_semaphore.hpp>
#include <chrono>
#include <thread>
#include <type_traits>

#include "shmsem/boost.hpp"
#include "support/shmsem_test.hpp"

// Boost.Interprocess's names on the ownerless kind: each body runs on Boost's own semaphore too.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
namespace pt = boost::posix_time;

struct names {
    template <class T>
    static std::string GetName(int) {
        return std::is_same_v<T, boost::interprocess::interprocess_semaphore> ? "boost" : "shmsem";
    }
};

template <class Semaphore>
class InterprocessSemaphore : public ::testing::Test {
   protected:
    watchdog guard{60s};
};
using both = ::testing::Types<boost::interprocess::interprocess_semaphore, shmsem::interprocess_semaphore>;
TYPED_TEST_SUITE(InterprocessSemaphore, both, names);

pt::ptime in(pt::time_duration from_now) { return pt::microsec_clock::universal_time() + from_now; }

TYPED_TEST(InterprocessSemaphore, StartsAtItsInitialCount) {
    TypeParam none{0};
    EXPECT_FALSE(none.try_wait());
    TypeParam two{2};
    two.wait();
    EXPECT_TRUE(two.try_wait());
    EXPECT_FALSE(two.try_wait());
}

TYPED_TEST(InterprocessSemaphore, PostedIsWaitedForOnce) {
    TypeParam s{0};
    s.post();
    s.post();
    EXPECT_TRUE(s.try_wait());
    s.wait();
    EXPECT_FALSE(s.try_wait());
}

TYPED_TEST(InterprocessSemaphore, WaitsForAPostOfAnotherThread) {
    TypeParam s{0};
    std::jthread other([&] { s.post(); });
    s.wait();
    EXPECT_FALSE(s.try_wait());
}

TYPED_TEST(InterprocessSemaphore, TimesOutInUtcNeverBeforeTheTime) {
    TypeParam s{0};
    for (const int ms : {1, 10}) {
        const auto end = in(pt::milliseconds(ms));
        EXPECT_FALSE(s.timed_wait(end));
        EXPECT_GE(pt::microsec_clock::universal_time(), end);
    }
    EXPECT_FALSE(s.timed_wait(in(pt::hours(-1))));
    s.post();
    EXPECT_TRUE(s.timed_wait(in(pt::hours(1))));
    s.post();
    EXPECT_TRUE(s.timed_wait(in(pt::hours(-1)))) << "what is there is taken";
}

TYPED_TEST(InterprocessSemaphore, WithATimeIsServedByAPostInTime) {
    TypeParam s{0};
    std::jthread other([&] {
        s.post();
        s.post();
    });
    EXPECT_TRUE(s.timed_wait(in(pt::hours(1))));
    EXPECT_TRUE(s.timed_wait(pt::ptime(pt::pos_infin)));
}

TEST(NamedInterprocessSemaphore, WithATimeBeyondAnyClockIsServedByAPost) {
    watchdog guard{60s};
    const test_segment home;
    segment mine = segment::open(home.name());
    interprocess_semaphore s{mine, "s", 0};
    for (const pt::ptime never : {pt::ptime(pt::max_date_time), pt::ptime(boost::gregorian::date(2300, 1, 1))}) {
        auto poster = fork_child([&] {
            EXPECT_TRUE(queued(mine.ownerless("s", {}), 1));
            s.post();
        });
        EXPECT_TRUE(s.timed_wait(never));
        EXPECT_EQ(poster.wait_exit(), 0);
    }
    EXPECT_FALSE(s.timed_wait(pt::ptime(pt::neg_infin)));
    EXPECT_FALSE(s.timed_wait(pt::ptime(pt::min_date_time)));
}

TYPED_TEST(InterprocessSemaphore, TakesStdTimePointsToo) {
    TypeParam s{1};
    const auto end = std::chrono::system_clock::now() + 2ms;
    constexpr bool has_them = requires { s.timed_wait(end); };
    static_assert(has_them || !std::is_same_v<TypeParam, interprocess_semaphore>);
    if constexpr (has_them) {
        EXPECT_TRUE(s.timed_wait(end + 1h));
        EXPECT_FALSE(s.timed_wait(end));
        EXPECT_GE(std::chrono::system_clock::now(), end);
    } else {
        GTEST_SKIP() << "this version of Boost's own semaphore does not";
    }
}

TEST(SharedInterprocessSemaphore, IsSharedWithForkedChildrenAndByName) {
    watchdog guard{60s};
    interprocess_semaphore unnamed{0};
    test_segment home;
    interprocess_semaphore named{*home, "count", 1};
    in_child([&] {
        unnamed.post();
        segment theirs = segment::open(home.name());
        interprocess_semaphore same{theirs, "count", 5};
        EXPECT_EQ(same.get_count(), 1);
        same.wait();
    });
    EXPECT_TRUE(unnamed.try_wait());
    EXPECT_FALSE(named.try_wait());
}

}  // namespace
}  // namespace shmsem::test
