#include <chrono>
#include <csignal>
#include <memory>
#include <string>

#include "crash/actors.hpp"
#include "crash/stepping.hpp"
#include "support/raw_segment.hpp"
#include "support/stillness.hpp"

// A process that is killed after any instruction of its background thread, or asked to leave then.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

/// A process that attaches, and leaves when it is told to; its background thread is in our hands.
class led_background_thread {
   public:
    explicit led_background_thread(const scene& where) : where_(where) {
        process = fork_child([&] {
            segment home = where.open();
            (void)home.find(scene::permits).try_acquire();  // so that it has a background thread
            attached_->raise();
            go_->wait();
            leaving_->raise();
            home = segment();
        });
        attached_->wait();
        thread_ = std::make_unique<stepped_thread>(background_thread_of(process.pid()));
    }
    /// It wakes up and looks round.
    void give_news() const {
        const raw_segment inside(where_.name());
        for (std::uint32_t i = 0; i < inside.view().sizes().processes; ++i) {
            auto& entry = inside.view().process(i);
            if (entry.pid.load() == static_cast<std::uint32_t>(process.pid())) entry.mailbox.fetch_add(1);
        }
    }
    void tell_to_leave() const { go_->raise(); }
    void until_it_waits_for_that_thread() const {
        leaving_->wait();
        EXPECT_TRUE(eventually([&] { return sleeps(process.pid()); }));
    }
    stepped_thread& thread() { return *thread_; }
    void kill() {
        process.send(SIGKILL);
        thread_->let_go();
        (void)process.kill();
    }

    child process;

   private:
    const scene& where_;
    shared<flag> attached_;
    shared<flag> go_;
    shared<flag> leaving_;
    std::unique_ptr<stepped_thread> thread_;
};

class OfTheBackgroundThread : public LedProcesses {
   protected:
    static constexpr limits few{.processes = 3, .semaphores = 1, .permits = 2, .waiters = 2, .tenants = 1};
};

TEST_F(OfTheBackgroundThread, KilledAfterAnyInstructionAProcessThatLeavesHasLeft) {
    watchdog guard{all_day};
    const scene set(unexpiring(1), few);
    path way;
    const auto once = [&](long most) {
        led_background_thread dies(set);
        dies.tell_to_leave();
        const long done = dies.thread().step_along(way, most, [] { return true; });
        dies.kill();
        expect_served(set);
        expect_unharmed(set);
        return done;
    };
    die_throughout(once(whole_way), rounds(40), once);
    expect_whole(set);
}

TEST_F(OfTheBackgroundThread, AskedAfterAnyInstructionOfItAProcessLeaves) {
    watchdog guard{all_day};
    const scene set(unexpiring(1), limits{.processes = 1, .semaphores = 1, .permits = 1, .waiters = 1, .tenants = 1});
    path way;
    const auto once = [&](long most) {
        led_background_thread leaves(set);
        leaves.give_news();
        const long done = leaves.thread().step_along(way, most);
        if (done == most) {
            leaves.tell_to_leave();
            leaves.until_it_waits_for_that_thread();
            leaves.thread().let_go();
            EXPECT_EQ(leaves.process.wait_exit(), 0);
        } else {
            leaves.kill();
        }
        return done;
    };
    die_throughout(once(whole_way), rounds(40), once);
    expect_whole(set);
}

TEST_F(OfTheBackgroundThread, KilledAfterAnyInstructionThatReapsADeadHolderNothingIsLost) {
    watchdog guard{all_day};
    const scene set(unexpiring(2));
    path way;
    const auto once = [&](long most) {
        holder corpse(set, 2);
        led_background_thread reaps(set);
        waiter first(set);
        waiter second(set);
        for (child* one : {&first.process, &second.process}) freeze_when_still(*one);
        (void)corpse.process.kill();
        const long done = reaps.thread().step_along(way, most);
        reaps.kill();
        for (child* one : {&first.process, &second.process}) one->cont();
        for (waiter* one : {&first, &second}) {
            EXPECT_TRUE(one->granted());
            one->done();
        }
        expect_unharmed(set);
        return done;
    };
    const long total = once(whole_way);
    EXPECT_EQ(set.look().stats.total_reaped, 2U) << "by the background thread, as was to be shown";
    die_throughout(total, rounds(40), once);
    expect_whole(set);
}

}  // namespace
}  // namespace shmsem::test
