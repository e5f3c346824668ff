#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "crash/actors.hpp"
#include "crash/operations.hpp"
#include "crash/stepping.hpp"

// Two processes in the middle of one call each, chosen at random and led there in turns, are killed at once: so one of them dies
// while it repairs what the other left, or holds what the other waits for.

namespace shmsem::test {
namespace {

class TwoDeaths : public LedProcesses {
   protected:
    void SetUp() override {
        LedProcesses::SetUp();
        if (IsSkipped()) return;
        in_child([&] { (void)set.open().semaphore(door, unexpiring(2)); });
    }
    scene set{permits_for_two};
};

struct role {
    role(const scene& where, const operation& what)
        : name(what.name), victim([&](const stepped_process::marks& at) { what.deed(where, at); }) {}
    const char* name;
    stepped_process victim;
    long wanted = 0;
    long done = 0;
    bool over = false;

    void go_on(long most) {
        most = std::min(most, wanted - done);
        const long went = victim.step(most);
        done += went;
        over = went < most || done == wanted;
    }
};

long up_to(long most) { return std::uniform_int_distribution<long>(0, most)(random_numbers()); }

const operation& any_operation() {
    return operations_for_two[static_cast<std::size_t>(up_to(static_cast<long>(operations_for_two.size()) - 1))];
}

TEST_F(TwoDeaths, AtOnceInTheMiddleOfAnyTwoCallsLoseNothing) {
    watchdog guard{all_day};
    const long pairs = deaths_asked_for(rounds(60), 5000);
    long in_the_middle = 0;
    for (long i = 0; i < pairs && !HasFailure(); ++i) {
        std::array<role, 2> both{role{set, any_operation()}, role{set, any_operation()}};
        waiter at_the_door(set, 2, standing::served_at_once, door);
        waiter in_line(set, 3, standing::served_at_once);
        for (role& one : both) one.wanted = up_to(up_to(6000));
        while (!both[0].over || !both[1].over) {
            role& one = both[static_cast<std::size_t>(up_to(1))];
            if (!one.over) one.go_on(1 + up_to(1500));
        }
        if (both[0].done == both[0].wanted && both[1].done == both[1].wanted) ++in_the_middle;
        const auto first = static_cast<std::size_t>(up_to(1));
        both[first].victim.send_kill();
        both[1 - first].victim.send_kill();
        for (role& one : both) one.victim.expect_killed();
        for (waiter* one : {&at_the_door, &in_line}) {
            EXPECT_TRUE(one->granted());
            one->done();
        }
        expect_unharmed(set);
        if (HasFailure()) {
            for (const role& one : both) std::printf("%s, killed after %ld instructions\n", one.name, one.done);
        }
    }
    expect_whole(set);
    std::printf("%ld pairs of deaths, %ld before the end of both, %s\n", pairs, in_the_middle,
                HasFailure() ? "FAILED" : "0 violations");
}

}  // namespace
}  // namespace shmsem::test
