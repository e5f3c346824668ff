#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "crash/actors.hpp"
#include "crash/operations.hpp"
#include "crash/stepping.hpp"
#include "support/stillness.hpp"

// Kill points are where the author thought of a death. Here a process is killed after each instruction of a call, or after some
// of them that are chosen at random, and again no permit is lost, no waiter forgotten, no trace left (I2, I4, I5).
//
// SHMSEM_DEATHS=all tries each instruction: ctest -C exhaustive -L crash-exhaustive.

namespace shmsem::test {
namespace {

using marks = stepped_process::marks;

class KilledAfterAnyInstruction : public LedProcesses, public ::testing::WithParamInterface<operation> {
   protected:
    void SetUp() override {
        LedProcesses::SetUp();
        if (IsSkipped()) return;
        make_scene();
    }
    void make_scene() {
        set = std::make_unique<scene>(GetParam().options);
        in_child([&] { (void)set->open().semaphore(door, unexpiring(1)); });
    }
    std::unique_ptr<scene> set;
};

/// Everybody who takes part in one death.
class performance {
   public:
    performance(const scene& where, const operation& what)
        : where_(where), what_(what), victim_([&](const marks& at) { what.deed(where, at); }) {
        if (what.holds_the_door) at_the_door_ = std::make_unique<waiter>(where, 1, standing::queued, door);
        if (what.held > 0) holds_ = std::make_unique<holder>(where, what.held);
        if (!what.wait_behind) let_them_queue();
    }

    /// @return how many instructions the victim executed
    long play(path& way, long most) {
        if (what_.unobserved) keep_others_from_acting();
        std::function<bool()> help;
        if (!what_.unobserved) help = [&] { return help_if_queued(); };
        const long done = victim_.step_along(way, most, help);
        victim_.expect_killed();
        for (child* one : others()) {
            if (what_.unobserved) one->cont();
        }
        return done;
    }

    /// What is due to those who live, they get.
    void end() {
        if (what_.wait_behind && queue_.empty()) let_them_queue();
        if (holds_ != nullptr) end_holder();
        if (at_the_door_ != nullptr) expect_granted(*at_the_door_);
        for (auto& one : queue_) expect_granted(*one);
    }

   private:
    void let_them_queue() {
        for (int i = 0; i < what_.waiting; ++i) {
            // It may be served before it is seen to wait.
            const auto as = what_.expires || what_.wait_behind ? standing::served_at_once : standing::queued;
            queue_.push_back(std::make_unique<waiter>(where_, what_.wanted, as));
        }
    }
    /// What those do who wait for the victim to sleep in the queue. False if it sleeps elsewhere, for a lock say.
    bool help_if_queued() {
        if (!waits(where_, scene::permits, victim_.pid())) return false;
        if (what_.wait_behind) {
            let_them_queue();
        } else if (!what_.in_vain) {
            for (auto& one : queue_) one->may_release();
            if (holds_ != nullptr) holds_->may_let_go();
        }
        return true;
    }
    void end_holder() {
        if (what_.unobserved) {
            (void)holds_->process.kill();
        } else {
            holds_->let_go();
        }
    }
    static void expect_granted(waiter& one) {
        EXPECT_TRUE(one.granted());
        one.done();
    }
    std::vector<child*> others() {
        std::vector<child*> all;
        if (holds_ != nullptr && !holds_->process.reaped()) all.push_back(&holds_->process);
        if (at_the_door_ != nullptr) all.push_back(&at_the_door_->process);
        for (auto& one : queue_) all.push_back(&one->process);
        return all;
    }
    void keep_others_from_acting() {
        for (child* one : others()) freeze_when_still(*one);
        victim_.without_its_background_thread();
        if (what_.of_a_corpse) (void)holds_->process.kill();
    }

    const scene& where_;
    const operation& what_;
    stepped_process victim_;
    std::unique_ptr<waiter> at_the_door_;
    std::unique_ptr<holder> holds_;
    std::vector<std::unique_ptr<waiter>> queue_;
};

TEST_P(KilledAfterAnyInstruction, LosesNothing) {
    watchdog guard{all_day};
    const operation& what = GetParam();
    path way;
    const auto once = [&](long most) {
        if (what.only_once) make_scene();
        performance death(*set, what);
        const long done = death.play(way, most);
        death.end();
        expect_unharmed(*set, what.check);
        return done;
    };
    die_throughout(once(whole_way), rounds(40), once);
    expect_whole(*set);
}

INSTANTIATE_TEST_SUITE_P(Of, KilledAfterAnyInstruction, ::testing::ValuesIn(operations),
                         [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace shmsem::test
