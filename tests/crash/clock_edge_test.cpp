#include <chrono>
#include <memory>
#include <vector>

#include "crash/actors.hpp"
#include "support/clock_shift.hpp"

// The clock at its edges, for several processes at once: the shortest ttl there is, and a machine that was suspended.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

TEST(ATtlOfOneTick, LastsAtLeastThatLongAndThenEnds) {
    watchdog guard{120s};
    const scene set({.permits = 1, .ttl = 10ms, .renewal = renewal::manual});
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        for (int i = 0; i < rounds(50); ++i) {
            const auto start = std::chrono::steady_clock::now();
            lease mine = permits.acquire();
            in_child([&] { (void)set.open().find(scene::permits).acquire().release(); });
            EXPECT_GE(std::chrono::steady_clock::now() - start, 10ms) << "granted to another before its ttl had passed";
            EXPECT_FALSE(mine.valid());
            EXPECT_FALSE(mine.release());
        }
    });
    expect_unharmed(set);
}

/// Attached to `where`, and goes through a suspension when it is told to.
struct sleeper {
    explicit sleeper(const scene& where, bool holds) {
        process = fork_child([&where, this, holds] {
            segment home = where.open();
            auto permits = home.find(scene::permits);
            std::optional<lease> mine;
            if (holds) mine = permits.acquire();
            ready->raise();
            suspend->wait();
            const clock_shift an_hour(1h);
            woken->raise();
            all_awake->wait();
            // What it held has expired meanwhile, unless its background thread came first; either way it can tell, and goes on.
            if (mine && !mine->release()) {
                EXPECT_FALSE(mine->valid());
            }
            for (int i = 0; i < 20; ++i) EXPECT_TRUE(permits.acquire().release());
            finished->raise();
            end->wait();
        });
        ready->wait();
    }
    child process;
    shared<flag> ready;
    shared<flag> suspend;
    shared<flag> woken;
    shared<flag> all_awake;
    shared<flag> finished;
    shared<flag> end;
};

TEST(ASuspendedMachine, WakesUpWithEveryPermitInPlace) {
    watchdog guard{120s};
    const scene set({.permits = 2, .ttl = 30s});
    std::vector<std::unique_ptr<sleeper>> all;
    for (int i = 0; i < 4; ++i) all.push_back(std::make_unique<sleeper>(set, i < 2));
    for (auto& one : all) one->suspend->raise();
    for (auto& one : all) one->woken->wait();
    for (auto& one : all) one->all_awake->raise();
    for (auto& one : all) EXPECT_TRUE(eventually([&] { return one->finished->raised(); }));
    for (auto& one : all) one->end->raise();
    for (auto& one : all) EXPECT_EQ(one->process.wait_exit(), 0);
    in_child([&] {
        const clock_shift an_hour(1h);
        auto home = set.open();
        auto both = home.find(scene::permits).try_acquire({.permits = 2});
        EXPECT_TRUE(both);
        EXPECT_TRUE(invariants_hold(home));
    });
}

}  // namespace
}  // namespace shmsem::test
