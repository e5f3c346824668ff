#include <initializer_list>
#include <string>

#include "crash/actors.hpp"
#include "os/testing.hpp"
#include "support/stillness.hpp"

// A process stopped inside the critical section: calls with deadlines time out, calls that need not wait do not, and service
// goes on when it does, or when it is killed.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

enum class ending { goes_on, is_killed };

struct freeze {
    const char* point;
    ending end;
};

std::string name_of(const ::testing::TestParamInfo<freeze>& info) {
    std::string name = std::string("At_") + info.param.point;
    name[name.find('.')] = '_';
    return name + (info.param.end == ending::goes_on ? "_AndGoesOn" : "_AndIsKilled");
}

class FrozenInTheLock : public ::testing::TestWithParam<freeze> {
   protected:
    void end(child& frozen) const {
        if (GetParam().end == ending::is_killed) {
            EXPECT_TRUE(frozen.kill());
        } else {
            frozen.cont();
            EXPECT_EQ(frozen.wait_exit(), 0);
        }
    }

    /// A releaser that stops while it serves the queue.
    child stopped_releaser() const {
        return fork_child([this] {
            segment home = set.open();
            lease mine = home.find(scene::permits).acquire();
            holds->raise();
            go->wait();
            os::testing::stop_at(GetParam().point);
            EXPECT_TRUE(mine.release());
        });
    }

    /// Returns when it has stopped there. The others are stopped on the way, so that none does its work in its stead.
    void go_and_freeze(child& releaser, std::initializer_list<child*> others) {
        for (child* one : others) freeze_when_still(*one);
        go->raise();
        EXPECT_TRUE(releaser.wait_stopped());
        for (child* one : others) one->cont();
    }

    scene set{unexpiring(2)};
    shared<flag> holds;
    shared<flag> go;
};

TEST_P(FrozenInTheLock, LetsCallersTimeOutAndServesThemAfterwards) {
    watchdog guard{120s};
    auto frozen = stopped_releaser();
    holds->wait();
    waiter due(set, 2);
    go_and_freeze(frozen, {&due.process});

    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        const auto start = std::chrono::steady_clock::now();
        std::error_code ec;
        EXPECT_FALSE(permits.try_acquire_for(200ms, {.permits = 2}, ec));
        EXPECT_FALSE(ec) << ec.message();
        EXPECT_GE(std::chrono::steady_clock::now() - start, 200ms);
        EXPECT_FALSE(permits.try_acquire_until(start, {.permits = 2}));
    });

    end(frozen);
    EXPECT_TRUE(due.granted());
    due.done();
    expect_whole(set);
}

TEST_P(FrozenInTheLock, DoesNotHangAHolderThatReleases) {
    watchdog guard{120s};
    holder other(set);
    auto frozen = stopped_releaser();
    holds->wait();
    waiter first(set);
    waiter second(set);
    go_and_freeze(frozen, {&first.process, &second.process});
    other.let_go();
    end(frozen);
    EXPECT_TRUE(first.granted());
    EXPECT_TRUE(second.granted());
    EXPECT_LT(first.got().ticket, second.got().ticket);
    first.done();
    second.done();
    expect_whole(set);
}

TEST_P(FrozenInTheLock, LetsAWaiterInTheQueueTimeOut) {
    watchdog guard{120s};
    auto frozen = stopped_releaser();
    holds->wait();
    shared<flag> in_time;
    waiter due(set, 2);
    auto impatient = fork_child([&] {
        segment home = set.open();
        std::error_code ec;
        EXPECT_FALSE(home.find(scene::permits).try_acquire_for(1s * slowness, {.permits = 2}, ec));
        EXPECT_FALSE(ec) << ec.message();
    });
    ASSERT_TRUE(set.queued(2));
    go_and_freeze(frozen, {&due.process, &impatient});
    EXPECT_EQ(impatient.wait_exit(), 0);
    end(frozen);
    EXPECT_TRUE(due.granted());
    due.done();
    expect_whole(set);
}

TEST_P(FrozenInTheLock, DoesNotHinderALookOrAnUnrelatedSemaphore) {
    watchdog guard{120s};
    auto frozen = stopped_releaser();
    holds->wait();
    waiter due(set, 2);
    go_and_freeze(frozen, {&due.process});
    EXPECT_EQ(set.look().name, scene::permits);
    in_child([&] {
        segment home = set.open();
        EXPECT_EQ(home.inspect().semaphores.size(), 1U);
        (void)home.find(scene::permits).stats();
        auto other = home.semaphore("other", unexpiring(1));
        lease mine = other.acquire();
        EXPECT_TRUE(mine.release());
    });
    end(frozen);
    EXPECT_TRUE(due.granted());
    due.done();
    expect_whole(set);
}

constexpr const char* points[] = {"lock.taken",     "grant.before_commit", "grant.after_commit", "grant.marked",
                                  "grant.unlinked", "grant.before_wake",   "lock.before_release"};

std::vector<freeze> freezes() {
    std::vector<freeze> all;
    for (const char* point : points) {
        all.push_back({point, ending::goes_on});
        all.push_back({point, ending::is_killed});
    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(EachStep, FrozenInTheLock, ::testing::ValuesIn(freezes()), name_of);

TEST(FrozenWaiterInTheLock, KilledThereLeavesTheQueueInOrder) {
    watchdog guard{120s};
    scene set;
    holder first(set);
    waiter ahead(set);
    auto frozen = fork_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        os::testing::stop_at("wait.enqueued");
        (void)permits.acquire();
    });
    ASSERT_TRUE(frozen.wait_stopped());
    in_child([&] {
        segment home = set.open();
        EXPECT_FALSE(home.find(scene::permits).try_acquire_for(100ms));
    });
    EXPECT_TRUE(frozen.kill());
    waiter behind(set, 1, standing::served_at_once);
    first.let_go();
    EXPECT_TRUE(ahead.granted());
    ahead.done();
    EXPECT_TRUE(behind.granted());
    behind.done();
    expect_whole(set);
}

TEST(FrozenOwnerOfTheLock, IsNotWaitedForOnceAStopIsRequested) {
    watchdog guard{120s};
    scene set;
    in_child([&] { (void)set.open().ownerless("units", {}); });
    const auto freeze_in = [&](auto take) {
        auto frozen = fork_child([&set, take] {
            segment home = set.open();
            os::testing::stop_at("wait.enqueued");
            take(home);
        });
        EXPECT_TRUE(frozen.wait_stopped());
        return frozen;
    };
    holder first(set);
    auto frozen_leased = freeze_in([](segment& home) { (void)home.find(scene::permits).acquire(); });
    auto frozen_ownerless = freeze_in([](segment& home) { home.ownerless("units", {}).acquire(); });
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        auto units = home.ownerless("units", {});
        std::stop_source source;
        std::jthread stops([&, waits = ::getpid()] {
            EXPECT_TRUE(eventually([&] { return sleeps(waits); }));
            source.request_stop();
        });
        std::error_code ec;
        EXPECT_FALSE(permits.acquire({.stop = source.get_token()}, ec));
        EXPECT_EQ(ec, errc::cancelled) << ec.message();
        units.acquire(source.get_token(), ec);
        EXPECT_EQ(ec, errc::cancelled) << ec.message();
        EXPECT_EQ(permits.stats().total_cancelled, 1U);
    });
    EXPECT_TRUE(frozen_leased.kill());
    EXPECT_TRUE(frozen_ownerless.kill());
    first.let_go();
    expect_whole(set);
}

child stopped_in_the_directory(const scene& set) {
    auto frozen = fork_child([&] {
        segment home = set.open();
        os::testing::stop_at("directory.making");
        (void)home.semaphore("second", unexpiring(1));
    });
    EXPECT_TRUE(frozen.wait_stopped());
    return frozen;
}

TEST(FrozenInTheDirectory, HoldsUpAnAcquireForANewTenantNoLongerThanItsDeadlineOrAStop) {
    watchdog guard{120s};
    scene set;
    auto frozen = stopped_in_the_directory(set);
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        EXPECT_FALSE(permits.try_acquire({.tenant = "new"})) << "no error: it merely was not to be had at once";
        EXPECT_FALSE(permits.try_acquire_for(50ms, {.tenant = "new"}));
        std::stop_source source;
        source.request_stop();
        EXPECT_EQ(code_from([&](auto& ec) { (void)permits.acquire({.tenant = "new", .stop = source.get_token()}, ec); }),
                  errc::cancelled);
        EXPECT_TRUE(permits.try_acquire());
    });
    EXPECT_TRUE(frozen.kill());
    in_child([&] { EXPECT_TRUE(set.open().find(scene::permits).try_acquire({.tenant = "new"})); });
    expect_whole(set);
}

TEST(FrozenInTheDirectory, LetsThoseWhoNeedNoNewSemaphoreWork) {
    watchdog guard{120s};
    scene set;
    auto frozen = stopped_in_the_directory(set);
    expect_served(set);
    EXPECT_TRUE(frozen.kill());
    in_child([&] {
        segment home = set.open();
        lease mine = home.semaphore("second", unexpiring(1)).acquire();
        EXPECT_TRUE(mine.release());
    });
    expect_whole(set);
}

}  // namespace
}  // namespace shmsem::test
