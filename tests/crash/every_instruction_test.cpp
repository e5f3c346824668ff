#include <sys/types.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "crash/actors.hpp"
#include "crash/stepping.hpp"
#include "support/raw_segment.hpp"

// Kill points are where the author thought of a death. Here a process is killed after each instruction of a call, or after so
// many of them that each run of the tests finds others, and again no permit is lost (I2, I4).

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

using marks = stepped_process::marks;
constexpr long kEnd = 10'000'000;

/// How many deaths for each call; SHMSEM_ROUNDS asks for more.
long deaths() {
    const char* given = std::getenv("SHMSEM_ROUNDS");
    return given != nullptr ? std::strtol(given, nullptr, 10) : rounds(120);
}

class KilledAfterAnyInstruction : public ::testing::Test {
   protected:
    void SetUp() override {
        const std::string reason = no_tracing();
        if (!reason.empty()) GTEST_SKIP() << reason;
        if (thread_sanitizer) GTEST_SKIP() << "single steps through its runtime take for ever";
    }

    /// Kills a process that does `deed` after many numbers of instructions. Each time `waits` processes wait for a permit, which
    /// they get; and if none waits somebody comes for all.
    void kill_during_all_of(const std::function<void(const marks&)>& deed, std::int64_t permits, int waits) {
        const long total = stepped_process(deed).step(kEnd);
        ASSERT_LT(total, kEnd);
        long round = 0;
        for_many_steps(total, deaths(), [&](long n) {
            stepped_process dies(deed);
            std::vector<std::unique_ptr<waiter>> line;
            for (int i = 0; i < waits; ++i) line.push_back(std::make_unique<waiter>(*set));
            (void)dies.step(n);
            dies.expect_killed();
            for (auto& one : line) {
                EXPECT_TRUE(one->granted());
                one->done();
            }
            if (waits == 0) expect_served(*set, permits);
            if (++round % 25 == 0) expect_whole(*set);
        });
        expect_whole(*set);
    }

    std::unique_ptr<scene> set;
};

TEST_F(KilledAfterAnyInstruction, OfAnUncontendedAcquireAndRelease) {
    watchdog guard{280s};
    set = std::make_unique<scene>(unexpiring(1));
    kill_during_all_of(
        [&](const marks& at) {
            segment home = set->open();
            auto permits = home.find(scene::permits);
            EXPECT_TRUE(permits.acquire().release());
            at.begin();
            (void)permits.acquire().release();
            at.end();
        },
        1, 0);
}

TEST_F(KilledAfterAnyInstruction, OfAReleaseThatServesAWaiter) {
    watchdog guard{280s};
    set = std::make_unique<scene>(unexpiring(1));
    kill_during_all_of(
        [&](const marks& at) {
            segment home = set->open();
            lease mine = home.find(scene::permits).acquire();
            at.begin();
            (void)mine.release();
            at.end();
        },
        1, 1);
}

TEST_F(KilledAfterAnyInstruction, OfAReleaseOfThreeThatServesThreeWaiters) {
    watchdog guard{280s};
    set = std::make_unique<scene>(unexpiring(3));
    kill_during_all_of(
        [&](const marks& at) {
            segment home = set->open();
            lease mine = home.find(scene::permits).acquire({.permits = 3});
            at.begin();
            (void)mine.release();
            at.end();
        },
        3, 3);
}

TEST_F(KilledAfterAnyInstruction, OfAnAcquireOfThreeThatGrantsThemToItself) {
    watchdog guard{280s};
    set = std::make_unique<scene>(unexpiring(3));
    kill_during_all_of(
        [&](const marks& at) {
            segment home = set->open();
            auto permits = home.find(scene::permits);
            EXPECT_TRUE(permits.acquire().release());
            at.begin();
            (void)permits.acquire({.permits = 3}).release();
            at.end();
        },
        3, 0);
}

TEST_F(KilledAfterAnyInstruction, OfAWaitThatEndsByItsDeadline) {
    watchdog guard{280s};
    set = std::make_unique<scene>(unexpiring(2));
    kill_during_all_of(
        [&](const marks& at) {
            segment home = set->open();
            auto permits = home.find(scene::permits);
            const lease one = permits.acquire();
            at.begin();
            (void)permits.try_acquire_for(1ms, {.permits = 2});
            at.end();
        },
        2, 0);
}

TEST_F(KilledAfterAnyInstruction, OfAResizeThereAndBack) {
    watchdog guard{280s};
    set = std::make_unique<scene>(unexpiring(2, 4));
    kill_during_all_of(
        [&](const marks& at) {
            segment home = set->open();
            auto permits = home.find(scene::permits);
            permits.resize(2);
            const lease mine = permits.acquire();
            at.begin();
            permits.resize(4);
            permits.resize(1);
            permits.resize(2);
            at.end();
        },
        1, 0);
}

TEST_F(KilledAfterAnyInstruction, OfReapingADeadHolder) {
    watchdog guard{280s};
    set = std::make_unique<scene>(unexpiring(2));
    kill_during_all_of(
        [&](const marks& at) {
            segment home = set->open();
            auto permits = home.find(scene::permits);
            shared<flag> holds;
            auto corpse = fork_child([&] {
                const lease both = set->open().find(scene::permits).acquire({.permits = 2});
                holds->raise();
                flag never;
                never.wait();
            });
            holds->wait();
            corpse.send(SIGKILL);
            at.begin();
            (void)permits.reap();
            at.end();
        },
        2, 0);
}

TEST_F(KilledAfterAnyInstruction, OfAPostThatServesAWaiterTheUnitIsPostedOrNot) {
    watchdog guard{280s};
    set = std::make_unique<scene>();
    const auto units = [&] { return set->open().ownerless("units", {}); };
    const auto posts = [&](const marks& at) {
        auto mine = units();
        EXPECT_FALSE(mine.try_acquire_for(1ms));
        at.begin();
        mine.release();
        at.end();
    };
    const long total = stepped_process(posts).step(kEnd);
    in_child([&] {
        auto mine = units();
        while (mine.try_acquire()) {
        }
    });
    bool posted_before = false;
    for_many_steps(total, deaths(), [&](long n) {
        stepped_process dies(posts);
        shared<flag> queued_up;
        auto takes = fork_child([&] {
            auto mine = units();
            EXPECT_TRUE(mine.try_acquire_for(liveness_bound)) << "the unit is lost";
        });
        in_child([&] { EXPECT_TRUE(queued(units(), 1)); });
        (void)dies.step(n);
        dies.expect_killed();
        shared<std::atomic<bool>> posted{false};
        in_child([&] {
            auto mine = units();
            mine.release();
            // One unit is for the waiter; a second one is there if the dead process had posted its own.
            EXPECT_TRUE(eventually([&] { return mine.stats().waiting == 0; }));
            posted->store(mine.try_acquire());
            EXPECT_FALSE(mine.try_acquire());
        });
        EXPECT_EQ(takes.wait_exit(), 0);
        EXPECT_TRUE(posted->load() || !posted_before) << "posted after fewer instructions, and not after more";
        posted_before = posted->load();
    });
    EXPECT_TRUE(posted_before);
    expect_whole(*set);
}

/// A process that attaches, and leaves when it is told to.
struct leaver {
    explicit leaver(const scene& where) {
        process = fork_child([&] {
            segment home = where.open();
            EXPECT_TRUE(home.find(scene::permits).acquire().release());
            attached->raise();
            go->wait();
            leaving->raise();
            home = segment();
        });
        attached->wait();
    }
    /// Kills it, of whose threads `stopped` is one.
    void kill_with(stepped_thread& stopped) {
        process.send(SIGKILL);
        stopped.let_go();
        (void)process.kill();
    }
    child process;
    shared<flag> attached;
    shared<flag> go;
    shared<flag> leaving;
};

TEST_F(KilledAfterAnyInstruction, OfTheBackgroundThreadThatLeavesNoPlaceIsLost) {
    watchdog guard{280s};
    set = std::make_unique<scene>(unexpiring(1),
                                  limits{.processes = 3, .semaphores = 1, .permits = 2, .waiters = 2, .tenants = 1});
    long total = 0;
    {
        leaver whole(*set);
        stepped_thread thread(background_thread_of(whole.process.pid()));
        whole.go->raise();
        total = thread.step(kEnd);
        thread.let_go();
        EXPECT_EQ(whole.process.wait_exit(), 0);
    }
    long round = 0;
    for_many_steps(total, 4 * deaths(), [&](long n) {
        leaver dies(*set);
        stepped_thread thread(background_thread_of(dies.process.pid()));
        dies.go->raise();
        (void)thread.step(n);
        dies.kill_with(thread);
        expect_served(*set);
        if (++round % 25 == 0) expect_whole(*set);
    });
    expect_whole(*set);
}

class AskedToLeave : public KilledAfterAnyInstruction {};

TEST_F(AskedToLeave, AfterAnyInstructionOfItsBackgroundThreadAProcessDoes) {
    watchdog guard{280s};
    set = std::make_unique<scene>(unexpiring(1),
                                  limits{.processes = 1, .semaphores = 1, .permits = 1, .waiters = 1, .tenants = 1});
    const raw_segment inside(set->name());
    const auto give_news = [&] { inside.view().process(0).mailbox.fetch_add(1); };  // it wakes up and looks round
    long total = 0;
    {
        leaver whole(*set);
        stepped_thread thread(background_thread_of(whole.process.pid()));
        give_news();
        total = thread.step_while_awake(kEnd);
        whole.kill_with(thread);
    }
    for_many_steps(total, 4 * deaths(), [&](long n) {
        leaver one(*set);
        stepped_thread thread(background_thread_of(one.process.pid()));
        give_news();
        if (thread.step_while_awake(n) < n) {  // it has come to its sleep sooner this time
            one.kill_with(thread);
            return;
        }
        one.go->raise();
        one.leaving->wait();
        EXPECT_TRUE(eventually([&] { return sleeps(one.process.pid()); }));  // waits for that thread
        thread.let_go();
        EXPECT_EQ(one.process.wait_exit(), 0);
    });
    expect_whole(*set);
}

}  // namespace
}  // namespace shmsem::test
