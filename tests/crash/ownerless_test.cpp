#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "crash/actors.hpp"
#include "os/testing.hpp"
#include "support/stillness.hpp"

// The ownerless kind: a unit is lost only with a process that had taken it and not posted it. One that is on its way to a
// waiter is in exactly one place at each instruction.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* units_name = "units";

/// A segment with an ownerless semaphore of no units, made by a process that has left.
class units_scene {
   public:
    units_scene() {
        in_child([&] { (void)segment::create(name_.name(), crash_limits).ownerless(units_name); });
        seen_ = segment::open(name_.name(), access::read_only);
    }
    [[nodiscard]] segment open() const { return segment::open(name_.name()); }
    [[nodiscard]] semaphore_snapshot look() const { return seen_.inspect().semaphores.at(0); }
    [[nodiscard]] bool queued(std::uint32_t n) const {
        return eventually([&] { return look().stats.waiting == n; });
    }
    void post(int n) const {
        in_child([&] { open().ownerless(units_name).release(n); });
    }

   private:
    test_name name_{"units"};
    segment seen_;
};

/// A process that waits for a unit and says whether it got it; it then keeps it until the end of the test, as nobody owns it.
class taker {
   public:
    explicit taker(const units_scene& where, bool is_queued = true) {
        const std::uint32_t before = where.look().stats.waiting;
        process = fork_child([&] {
            segment home = where.open();
            auto units = home.ownerless(units_name);
            std::error_code ec;
            took_->store(units.try_acquire_until(std::chrono::steady_clock::now() + liveness_bound, {}, ec));
            EXPECT_FALSE(ec) << ec.message();
        });
        if (is_queued) {
            EXPECT_TRUE(where.queued(before + 1));
        }
    }
    [[nodiscard]] bool took() {
        EXPECT_EQ(process.wait_exit(), 0);
        return took_->load();
    }
    child process;

   private:
    shared<std::atomic<bool>> took_{false};
};

/// As many units as are said to be there can be taken, waiters are served in order, and the invariants hold.
void expect_units(const units_scene& after, int count) {
    in_child([&] {
        segment home = after.open();
        auto units = home.ownerless(units_name);
        EXPECT_TRUE(eventually([&] { return units.value() == count; })) << units.value();
        for (int i = 0; i < count; ++i) EXPECT_TRUE(units.try_acquire());
        EXPECT_FALSE(units.try_acquire());
        EXPECT_FALSE(units.try_acquire_for(20ms));
        expect_only_the_living(home);
        EXPECT_EQ(units.stats().waiting, 0U);
        EXPECT_EQ(units.stats().inversions, 0U);
        EXPECT_TRUE(invariants_hold(home));
    });
    std::deque<taker> line;
    for (int i = 0; i < 3; ++i) line.emplace_back(after);
    after.post(3);
    for (auto& one : line) EXPECT_TRUE(one.took());
    EXPECT_EQ(after.look().stats.available, 0);
}

std::string name_of(const ::testing::TestParamInfo<const char*>& info) {
    std::string name = std::string("At_") + info.param;
    name[name.find('.')] = '_';
    return name;
}

/// A process that posts `n` units when it is told to, and is killed on the way.
class poster {
   public:
    poster(const units_scene& where, int n, const char* point) {
        process_ = fork_child([&] {
            segment home = where.open();
            auto units = home.ownerless(units_name);
            EXPECT_FALSE(units.try_acquire_for(1ms));  // attached by now: nothing else will stir the waiters
            ready_->raise();
            go_->wait();
            os::testing::die_at(point);
            units.release(n);
        });
        ready_->wait();
    }
    /// While none of them can pass the units on in its stead.
    void dies_unobserved_by(std::deque<taker>& takers) {
        for (auto& one : takers) freeze_when_still(one.process);
        go_->raise();
        EXPECT_EQ(process_.wait_signal(), SIGKILL);
        for (auto& one : takers) one.process.cont();
    }

   private:
    child process_;
    shared<flag> ready_;
    shared<flag> go_;
};

class KilledPosting : public ::testing::TestWithParam<const char*> {
   protected:
    units_scene set;
};

TEST_P(KilledPosting, LeavesTheUnitToTheWaiter) {
    watchdog guard{120s};
    poster one(set, 1, GetParam());
    std::deque<taker> line;
    line.emplace_back(set);
    one.dies_unobserved_by(line);
    EXPECT_TRUE(line.front().took());
    expect_units(set, 0);
}

TEST_P(KilledPosting, LeavesEachUnitToOneWaiterAndTheRestInTheCount) {
    watchdog guard{120s};
    poster five(set, 5, GetParam());
    std::deque<taker> line;
    for (int i = 0; i < 3; ++i) line.emplace_back(set);
    five.dies_unobserved_by(line);
    for (auto& one : line) EXPECT_TRUE(one.took());
    expect_units(set, 2);
}

TEST_P(KilledPosting, OverAndOverNeitherLosesNorMakesUnits) {
    watchdog guard{120s};
    for (int i = 0; i < 5; ++i) {
        poster one(set, 1, GetParam());
        std::deque<taker> line;
        line.emplace_back(set);
        one.dies_unobserved_by(line);
        EXPECT_TRUE(line.front().took());
    }
    expect_units(set, 0);
}

INSTANTIATE_TEST_SUITE_P(AtEachStep, KilledPosting,
                         ::testing::Values("release.opened", "release.before_dispatch", "lock.taken", "count.taken",
                                           "count.marked", "grant.unlinked", "grant.before_wake", "lock.before_release",
                                           "lock.released"),
                         name_of);

class KilledWaitingForAUnit : public ::testing::TestWithParam<const char*> {
   protected:
    [[nodiscard]] child doomed() const {
        return fork_child([this] {
            segment home = set.open();
            auto units = home.ownerless(units_name);
            os::testing::die_at(GetParam());
            (void)units.try_acquire_for(50ms);
            units.acquire();
        });
    }
    units_scene set;
};

TEST_P(KilledWaitingForAUnit, DelaysNobodyAndTakesNoUnitAlong) {
    watchdog guard{120s};
    for (int i = 0; i < 3; ++i) {
        taker ahead(set);
        auto dies = doomed();
        EXPECT_EQ(dies.wait_signal(), SIGKILL);
        taker behind(set, false);
        set.post(2);
        EXPECT_TRUE(ahead.took());
        EXPECT_TRUE(behind.took());
    }
    expect_units(set, 0);
}

INSTANTIATE_TEST_SUITE_P(AtEachStep, KilledWaitingForAUnit,
                         ::testing::Values("wait.node_claimed", "wait.locked", "wait.enqueued", "wait.linked",
                                           "wait.before_sleep", "wait.abandoned"),
                         name_of);

class KilledWithAUnitOnItsWay : public ::testing::TestWithParam<const char*> {};

TEST_P(KilledWithAUnitOnItsWay, PassesItOnToTheNext) {
    watchdog guard{120s};
    const units_scene set;
    auto dies = fork_child([&] {
        segment home = set.open();
        auto units = home.ownerless(units_name);
        os::testing::die_at(GetParam());
        units.acquire();
    });
    ASSERT_TRUE(set.queued(1));
    taker next(set);
    set.post(1);
    EXPECT_EQ(dies.wait_signal(), SIGKILL);
    EXPECT_TRUE(next.took()) << "the unit is stranded with the dead waiter";
    expect_units(set, 0);
}

TEST_P(KilledWithAUnitOnItsWay, PutsItBackWhenNobodyElseWaits) {
    watchdog guard{120s};
    const units_scene set;
    for (int i = 0; i < 3; ++i) {
        auto dies = fork_child([&] {
            segment home = set.open();
            auto units = home.ownerless(units_name);
            os::testing::die_at(GetParam());
            units.acquire();
        });
        ASSERT_TRUE(set.queued(1));
        set.post(1);
        EXPECT_EQ(dies.wait_signal(), SIGKILL);
        taker next(set, false);
        EXPECT_TRUE(next.took());
    }
    expect_units(set, 0);
}

INSTANTIATE_TEST_SUITE_P(BeforeTakingIt, KilledWithAUnitOnItsWay, ::testing::Values("wait.granted"), name_of);

}  // namespace
}  // namespace shmsem::test
