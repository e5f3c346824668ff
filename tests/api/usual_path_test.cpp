#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <thread>

#include "os/testing.hpp"
#include "support/clock_shift.hpp"
#include "support/eventually.hpp"
#include "support/shmsem_test.hpp"

// The uncontended path goes by what its thread knew before: the time, the description that it left in the slot. What becomes of that
// when something has happened in between.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

constexpr int settled = 300;  // pairs after which nothing is left to be measured or described for the first time

void settle(semaphore& s) {
    for (int i = 0; i < settled; ++i) (void)s.acquire();
}

holder_info only_holder(const semaphore& s) {
    const auto holders = s.inspect().holders;
    EXPECT_EQ(holders.size(), 1U);
    return holders.empty() ? holder_info{} : holders.front();
}

std::uint32_t this_tid() { return static_cast<std::uint32_t>(::syscall(SYS_gettid)); }

class UsualPath : public WithSegment {
   protected:
    semaphore one = home->semaphore("one", {.permits = 1, .ttl = 30s});
};

TEST_F(UsualPath, CountsALeaseFromNowWhenTimeHasPassedSinceTheLast) {
    in_child([&] {
        clock_shift time;
        settle(one);
        for (int i = 0; i < 3; ++i) {
            time.forward(1h);
            const lease held = one.acquire();
            EXPECT_GE(held.remaining(), 30s);
            EXPECT_LE(only_holder(one).held, 10s);
            EXPECT_EQ(one.reap(), 0U);
            EXPECT_TRUE(held.valid());
        }
    });
}

TEST_F(UsualPath, CountsALeaseThatNobodyRenewsFromTheVeryMoment) {
    auto manual = home->semaphore("manual", {.permits = 1, .ttl = 30s, .renewal = renewal::manual});
    for (int i = 0; i < settled; ++i) EXPECT_GE(manual.acquire().remaining(), 30s - 1ms);
}

TEST_F(UsualPath, ClosesASlotThatRetiresThoughItsLeaseWasRenewed) {
    auto many = home->semaphore("many", {.permits = 3, .ttl = 30s});
    std::vector<lease> held;
    for (int i = 0; i < settled; ++i) {
        held.clear();
        while (held.size() < 3) held.push_back(many.acquire());
    }
    many.resize(1);
    for (lease& l : held) EXPECT_TRUE(l.renew());
    held.clear();
    EXPECT_EQ(many.available(), 1U);
    const lease last = many.acquire();
    EXPECT_FALSE(many.try_acquire());
}

TEST_F(UsualPath, DescribesItsHolderAgainAfterSomebodyElsesLease) {
    settle(one);
    (void)one.acquire({.ttl = 60s, .tenant = "red", .label = "of another kind"});
    const lease mine = one.acquire();
    const holder_info seen = only_holder(one);
    EXPECT_EQ(seen.label, "");
    EXPECT_EQ(seen.tenant, "");
    EXPECT_EQ(seen.tid, this_tid());
    EXPECT_EQ(seen.token, mine.token());
    EXPECT_LE(seen.ttl_left, 31s);
}

TEST_F(UsualPath, DescribesItsHolderAgainAfterALeaseWasHandedOver) {
    settle(one);
    std::uint32_t adopter = 0;
    for (int i = 0; i < 5; ++i) {  // one of them is sampled at most, and takes another way
        const detached_lease carried = one.acquire().detach();
        std::thread([&] {
            const lease adopted = one.adopt(carried);
            adopter = this_tid();
            EXPECT_EQ(only_holder(one).tid, adopter);
        }).join();
        const lease mine = one.acquire();
        EXPECT_EQ(only_holder(one).tid, this_tid());
    }
}

TEST_F(UsualPath, KeepsSemaphoresAndSegmentsApart) {
    const test_segment elsewhere;
    segment other_home = segment::open(elsewhere.name());
    auto two = home->semaphore("two", {.permits = 1, .ttl = 60s});
    auto far = other_home.semaphore("one", {.permits = 1, .ttl = 90s});
    semaphore* const all[] = {&one, &two, &far, &one, &far, &two};
    for (int i = 0; i < settled; ++i) {
        for (semaphore* s : all) {
            const lease held = s->acquire();
            const auto ttl = s == &one ? 30s : s == &two ? 60s : 90s;
            if (i % 50 == 0) {
                EXPECT_LE(only_holder(*s).ttl_left, ttl + 1s);
            }
            EXPECT_GT(held.remaining(), ttl * 2 / 3);
        }
    }
    EXPECT_EQ(one.stats().total_acquired, 2U * settled);
    EXPECT_EQ(two.stats().total_acquired, 2U * settled);
    EXPECT_EQ(far.stats().total_acquired, 2U * settled);
}

TEST_F(UsualPath, InAForkedChildIsTheChildsOwn) {
    settle(one);
    in_child([&] {
        settle(one);
        const lease held = one.acquire();
        EXPECT_EQ(only_holder(one).pid, static_cast<std::uint32_t>(::getpid()));
        EXPECT_EQ(only_holder(one).tid, this_tid());
    });
    const lease held = one.acquire();
    EXPECT_EQ(only_holder(one).pid, static_cast<std::uint32_t>(::getpid()));
}

TEST_F(UsualPath, WorksWhereNothingTellsWhetherAThreadKeptItsProcessor) {
    in_child([&] {
        os::testing::refuse(os::testing::syscall_kind::rseq);
        clock_shift time;
        settle(one);
        EXPECT_EQ(one.stats().total_acquired, static_cast<std::uint64_t>(settled));
        time.forward(1h);
        EXPECT_GE(one.acquire().remaining(), 30s);
    });
}

// Objects that stand for an attachment are used again for the next one: a lost lease must not take that for its own.
TEST(UsualPathsLease, ThatWasLostAndOutlivesItsSegmentIsInertInALargerOneToo) {
    in_child([] {
        clock_shift time;
        lease late;
        {
            const test_segment small({.processes = 4, .semaphores = 1, .permits = 2, .waiters = 4, .tenants = 1});
            segment home = segment::open(small.name());
            auto s = home.semaphore("one", {.permits = 1, .ttl = 30s, .renewal = renewal::manual});
            late = s.acquire();
            time.forward(31s);
            EXPECT_EQ(s.reap(), 1U);
        }
        const test_segment large;
        segment home = segment::open(large.name());
        auto s = home.semaphore("one", {.permits = 1, .ttl = 30s});
        const lease mine = s.acquire();
        EXPECT_FALSE(late.valid());
        EXPECT_FALSE(late.renew());
        EXPECT_FALSE(late.release());
        EXPECT_TRUE(mine.valid());
        EXPECT_EQ(s.available(), 0U);
    });
}

}  // namespace
}  // namespace shmsem::test
