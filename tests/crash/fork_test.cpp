#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "crash/actors.hpp"
#include "crash/fork_ways.hpp"
#include "support/build_kind.hpp"

// I7: a forked child holds none of its parent's leases, cannot release them, and can acquire its own at once, however the
// fork was made and whatever the parent's threads were doing.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

std::string name_of(const ::testing::TestParamInfo<fork_kind>& info) {
    return info.param == fork_kind::libc ? "Fork" : "RawClone";
}

class ForkWithLeases : public ::testing::TestWithParam<fork_kind> {
   protected:
    [[nodiscard]] static fork_kind how() { return GetParam(); }
    scene set{unexpiring(2)};
};

TEST_P(ForkWithLeases, GivesTheChildNoneOfThem) {
    watchdog guard{120s};
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine = permits.acquire();
        lease both_of_others = permits.acquire();
        in_fork(how(), [&] {
            EXPECT_FALSE(mine.valid());
            EXPECT_EQ(mine.remaining(), duration::zero());
            EXPECT_FALSE(mine.renew());
            std::error_code ec;
            both_of_others.renew(ec);
            EXPECT_EQ(ec, errc::lease_lost) << ec.message();
            EXPECT_FALSE(mine.release());
            both_of_others.release(ec);
            EXPECT_EQ(ec, errc::lease_lost) << ec.message();
            EXPECT_THROW(both_of_others.on_lost([] {}), error);
        });
        EXPECT_EQ(permits.available(), 0U);
        EXPECT_TRUE(mine.valid());
        EXPECT_TRUE(mine.release());
        EXPECT_TRUE(both_of_others.release());
    });
    expect_whole(set);
}

TEST_P(ForkWithLeases, ReleasesNothingWhenTheChildDestroysOrReplacesItsCopies) {
    watchdog guard{120s};
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        auto kept = std::make_unique<lease>(permits.acquire({.permits = 2}));
        in_fork(how(), [&] {
            lease moved = std::move(*kept);
            kept.reset();
            moved = lease();
        });
        EXPECT_EQ(permits.available(), 0U);
        EXPECT_TRUE(kept->valid());
        EXPECT_TRUE(kept->release());
    });
    expect_whole(set);
}

TEST_P(ForkWithLeases, LetsTheChildAcquireItsOwnAtOnce) {
    watchdog guard{120s};
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine = permits.acquire();
        in_fork(how(), [&] {
            auto own = permits.try_acquire();
            ASSERT_TRUE(own);
            EXPECT_TRUE(own->valid());
            EXPECT_NE(own->seat(), mine.seat());
            EXPECT_FALSE(permits.try_acquire());
            EXPECT_FALSE(permits.try_acquire_for(10ms));
            EXPECT_TRUE(own->renew());
            EXPECT_TRUE(own->release());
        });
        EXPECT_TRUE(mine.release());
    });
    expect_whole(set);
}

TEST_P(ForkWithLeases, TheChildsDeathReturnsItsOwnLeaseAndNotItsParents) {
    watchdog guard{120s};
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine = permits.acquire();
        shared<flag> holds;
        const pid_t pid = start_fork(how(), [&] {
            const lease own = permits.acquire();
            holds->raise();
            for (;;) ::pause();
        });
        holds->wait();
        EXPECT_EQ(permits.available(), 0U);
        kill_fork(pid);
        auto next = permits.try_acquire_for(liveness_bound);
        EXPECT_TRUE(next);
        EXPECT_TRUE(mine.valid());
        EXPECT_TRUE(mine.release());
    });
    expect_whole(set);
}

TEST_P(ForkWithLeases, TheChildWaitsInTheQueueBehindItsParentsLease) {
    watchdog guard{120s};
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine = permits.acquire({.permits = 2});
        shared<flag> served;
        const pid_t pid = start_fork(how(), [&] {
            auto own = permits.try_acquire_for(liveness_bound);
            if (own && own->release()) served->raise();
        });
        EXPECT_TRUE(queued(permits, 1));
        EXPECT_TRUE(mine.release());
        EXPECT_TRUE(eventually([&] { return served->raised(); }));
        kill_fork(pid);
    });
    expect_whole(set);
}

TEST_P(ForkWithLeases, TheChildKilledInTheQueueLeavesItsParentServed) {
    watchdog guard{120s};
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine = permits.acquire({.permits = 2});
        const pid_t pid = start_fork(how(), [&] { (void)permits.acquire(); });
        EXPECT_TRUE(queued(permits, 1));
        kill_fork(pid);
        EXPECT_TRUE(queued(permits, 0));
        EXPECT_TRUE(mine.release());
    });
    expect_whole(set);
}

TEST_P(ForkWithLeases, HoldsForGrandchildrenToo) {
    watchdog guard{120s};
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease of_parent = permits.acquire();
        in_fork(how(), [&] {
            lease of_child = permits.acquire();
            in_fork(how(), [&] {
                EXPECT_FALSE(of_parent.release());
                EXPECT_FALSE(of_child.release());
                EXPECT_FALSE(permits.try_acquire());
                EXPECT_EQ(permits.available(), 0U);
            });
            EXPECT_TRUE(of_child.release());
            in_fork(how(), [&] {
                auto own = permits.try_acquire_for(liveness_bound);
                ASSERT_TRUE(own);
                EXPECT_TRUE(own->release());
            });
        });
        EXPECT_TRUE(of_parent.release());
    });
    expect_whole(set);
}

TEST_P(ForkWithLeases, LeavesTheChildsOwnLeaseValidWhenTheParentDies) {
    watchdog guard{120s};
    shared<told_lease> of_parent;
    shared<told_lease> of_child;
    shared<flag> parent_is_dead;
    shared<flag> done;
    auto parent = fork_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine = permits.acquire();
        (void)start_fork(how(), [&] {
            lease own = permits.acquire();
            tell(*of_child, own);
            parent_is_dead->wait();
            EXPECT_TRUE(own.valid());
            EXPECT_FALSE(mine.valid());
            EXPECT_TRUE(own.renew());
            auto freed = permits.try_acquire_for(liveness_bound);
            EXPECT_TRUE(freed);
            EXPECT_TRUE(own.valid());
            EXPECT_TRUE(own.release());
            freed.reset();
            done->raise();
            ::_exit(0);
        });
        of_child->said.wait();
        tell(*of_parent, mine);
        for (;;) ::pause();
    });
    of_parent->said.wait();
    EXPECT_TRUE(parent.kill());
    parent_is_dead->raise();
    done->wait();
    EXPECT_NE(of_parent->seat, of_child->seat);
    expect_whole(set);
}

TEST_P(ForkWithLeases, DoesNotCallTheParentsLossCallbackInTheChild) {
    watchdog guard{120s};
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine = permits.acquire();
        std::atomic<int> calls{0};
        mine.on_lost([&] { calls.fetch_add(1); });
        const auto stop = mine.lost_token();
        in_fork(how(), [&] {
            lease own = permits.acquire();  // starts the child's own background thread
            EXPECT_TRUE(own.release());
            EXPECT_EQ(calls.load(), 0);
        });
        EXPECT_EQ(calls.load(), 0);
        EXPECT_FALSE(stop.stop_requested());
        EXPECT_TRUE(mine.release());
    });
    expect_whole(set);
}

TEST_P(ForkWithLeases, WorksInAChildMadeWhileAnotherThreadWaitsInTheQueue) {
    watchdog guard{120s};
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine = permits.acquire({.permits = 2});
        std::thread waits([&] {
            auto got = permits.try_acquire_for(liveness_bound);
            EXPECT_TRUE(got);
        });
        EXPECT_TRUE(queued(permits, 1));
        in_fork(how(), [&] {
            EXPECT_FALSE(permits.try_acquire());
            EXPECT_FALSE(permits.try_acquire_for(20ms));
        });
        EXPECT_TRUE(queued(permits, 1)) << "the child's end took its parent's waiter along";
        EXPECT_TRUE(mine.release());
        waits.join();
    });
    expect_whole(set);
}

TEST_P(ForkWithLeases, ExitOfAChildThatNeverUsedTheLibraryChangesNothing) {
    watchdog guard{120s};
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease mine = permits.acquire({.permits = 2});
        const pid_t pid = fork_as(how());
        if (pid == 0) {
            home = segment();
            permits = semaphore();
            ::_exit(0);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(pid, &status, 0), pid);
        EXPECT_EQ(status, 0);
        EXPECT_EQ(home.reap(), 0U);
        EXPECT_EQ(permits.available(), 0U);
        EXPECT_TRUE(mine.release());
    });
    expect_whole(set);
}

INSTANTIATE_TEST_SUITE_P(By, ForkWithLeases, ::testing::Values(fork_kind::libc, fork_kind::raw_clone), name_of);

TEST(ForkDuringTheFirstUse, ByAnotherThreadGivesAChildThatWorks) {
    if (address_sanitizer || thread_sanitizer)
        GTEST_SKIP() << "a sanitizer's allocator may be locked in the forked child for ever";
    watchdog guard{280s};
    scene set(unexpiring(2));
    for (int i = 0; i < rounds(200) && !::testing::Test::HasFailure(); ++i) {
        in_child([&] {
            segment home = set.open();
            auto permits = home.find(scene::permits);
            barrier start(2);
            std::jthread first_user([&] {
                start.arrive_and_wait();
                (void)permits.acquire();
            });
            start.arrive_and_wait();
            // The fork comes a little later each time: whatever the first use does, some come in the middle of it.
            for (const auto then = std::chrono::steady_clock::now() + i * 2us; std::chrono::steady_clock::now() < then;) {
            }
            in_child([&] { EXPECT_TRUE(permits.try_acquire_for(liveness_bound)); });
        });
    }
    expect_whole(set);
}

TEST(ForkOfABusyProcess, GivesChildrenThatWorkWhereverItsThreadsWere) {
    if (address_sanitizer || thread_sanitizer)
        GTEST_SKIP() << "a sanitizer's allocator may be locked in the forked child for ever";
    watchdog guard{240s};
    scene set(unexpiring(2));
    // By fork() alone: a raw clone() leaves the C library's own locks as they were.
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        std::atomic<bool> enough{false};
        std::vector<std::thread> busy;
        for (int i = 0; i < 3; ++i) {
            busy.emplace_back([&] {
                while (!enough.load()) {
                    auto mine = permits.try_acquire_for(5ms);
                    if (mine) mine->on_lost([] {});
                }
            });
        }
        for (int i = 0; i < rounds(100) && !::testing::Test::HasFailure(); ++i) {
            in_fork(fork_kind::libc, [&] {
                auto own = permits.try_acquire_for(liveness_bound);
                ASSERT_TRUE(own);
                own->on_lost([] {});
                EXPECT_TRUE(own->release());
            });
        }
        enough = true;
        for (auto& thread : busy) thread.join();
    });
    expect_whole(set);
}

}  // namespace
}  // namespace shmsem::test
