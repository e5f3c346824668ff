#include <string>

#include "crash/actors.hpp"
#include "os/testing.hpp"
#include "support/clock_shift.hpp"
#include "support/stillness.hpp"

// order::throughput, in which a newcomer may take a permit that has come free before it is handed to the first waiter, until that
// one has waited for a millisecond; and order::fifo, in which it never may. Whoever could hand it over is stopped meanwhile.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

/// Takes a permit, and when it releases it is stopped before it hands it over: then the permit is open.
class releaser {
   public:
    explicit releaser(const scene& where, std::chrono::nanoseconds clock = {}) {
        process = fork_child([&] {
            const clock_shift own(clock);
            segment home = where.open();
            lease mine = home.find(scene::permits).acquire();
            holds_->raise();
            enough_->wait();
            os::testing::stop_at("release.before_dispatch");
            EXPECT_TRUE(mine.release());
        });
    }
    void wait_until_it_holds() { holds_->wait(); }
    void opens_the_permit() {
        // Its background thread may be tidying up after those who have left, and could hand the permit over too.
        EXPECT_TRUE(eventually([&] { return all_threads_sleep(process.pid()); }));
        enough_->raise();
        EXPECT_TRUE(process.wait_stopped());
    }
    void goes_on() {
        process.cont();
        EXPECT_EQ(process.wait_exit(), 0);
    }

    child process;

   private:
    shared<flag> holds_;
    shared<flag> enough_;
};

// How long somebody has waited is told by the clock of whoever looks after the queue. A waiter whose own clock is ahead of that
// has not waited at all, however slow the machine is; one whose clock is behind by a millisecond has waited for that long at once.
constexpr std::chrono::nanoseconds has_just_come = 1h;
constexpr std::chrono::nanoseconds has_waited_long = -1ms;

waiter waiter_who(std::chrono::nanoseconds clock, const scene& set) {
    const clock_shift own(clock);
    return waiter(set);
}

/// By a clock that is neither ahead nor behind; nothing can be granted.
void look_after_the_queue(const scene& set) {
    in_child([&] { EXPECT_EQ(set.open().reap(), 0U); });
}

/// Whether a process that comes now gets the permit, which is open, without waiting.
bool newcomer_takes_it(const scene& set) {
    EXPECT_EQ(set.look().stats.available, 1);
    auto newcomer = fork_child([&] {
        segment home = set.open();
        return home.find(scene::permits).try_acquire() ? 1 : 0;
    });
    const int status = newcomer.wait_exit();
    EXPECT_TRUE(status == 0 || status == 1);
    return status == 1;
}

void expect_granted(const scene& set, waiter& one) {
    one.process.cont();
    EXPECT_TRUE(one.granted());
    one.done();
    expect_whole(set);
}

semaphore_options one_permit(order how) { return {.permits = 1, .ttl = forever, .order = how}; }

class BeforeAPermitIsHandedOver : public ::testing::TestWithParam<order> {
   protected:
    watchdog guard{120s};
    scene set{one_permit(GetParam())};
};

TEST_P(BeforeAPermitIsHandedOver, ANewcomerTakesItInThroughputOrderAlone) {
    releaser slow(set);
    slow.wait_until_it_holds();
    waiter first = waiter_who(has_just_come, set);
    freeze_when_still(first.process);
    look_after_the_queue(set);
    slow.opens_the_permit();
    EXPECT_EQ(newcomer_takes_it(set), GetParam() == order::throughput);
    slow.goes_on();
    expect_granted(set, first);
}

TEST_P(BeforeAPermitIsHandedOver, NoNewcomerTakesItFromOneWhoHasWaitedForAMillisecond) {
    releaser slow(set);
    slow.wait_until_it_holds();
    waiter first = waiter_who(has_waited_long, set);
    freeze_when_still(first.process);
    look_after_the_queue(set);
    slow.opens_the_permit();
    EXPECT_FALSE(newcomer_takes_it(set));
    slow.goes_on();
    expect_granted(set, first);
}

TEST_P(BeforeAPermitIsHandedOver, ANewcomerTakesItAgainInThroughputOrderOnceTheOneWhoWaitedLongIsServed) {
    holder before(set);
    releaser first(set, has_waited_long);
    ASSERT_TRUE(set.queued(1));
    waiter second = waiter_who(has_just_come, set);
    freeze_when_still(second.process);
    look_after_the_queue(set);
    before.let_go();
    first.wait_until_it_holds();
    first.opens_the_permit();
    EXPECT_EQ(newcomer_takes_it(set), GetParam() == order::throughput);
    first.goes_on();
    expect_granted(set, second);
}

INSTANTIATE_TEST_SUITE_P(In, BeforeAPermitIsHandedOver, ::testing::Values(order::fifo, order::throughput),
                         [](const auto& each) { return each.param == order::fifo ? "FifoOrder" : "ThroughputOrder"; });

}  // namespace
}  // namespace shmsem::test
