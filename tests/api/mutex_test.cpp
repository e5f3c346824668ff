#include <boost/thread/lock_types.hpp>
#include <mutex>
#include <thread>
#include <vector>

#include "shmsem/mutex.hpp"
#include "support/clock_shift.hpp"
#include "support/shmsem_test.hpp"

// A mutex for std::unique_lock and its kin, fair, and free again when its holder dies.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

static_assert(!std::is_copy_constructible_v<mutex> && !std::is_copy_assignable_v<mutex>);

class Mutex : public WithSegment {
   protected:
    mutex lock{*home, "lock"};

    /// From another thread, because this one may have it.
    bool free_for_others() {
        bool got = false;
        std::thread([&] {
            got = lock.try_lock();
            if (got) lock.unlock();
        }).join();
        return got;
    }
    [[nodiscard]] bool waited_for() { return queued(home->find("lock"), 1); }
};

TEST_F(Mutex, IsHeldByOneThreadAtATime) {
    lock.lock();
    EXPECT_TRUE(lock.owned());
    EXPECT_NE(lock.token(), 0U);
    EXPECT_FALSE(free_for_others());
    std::thread([&] {
        EXPECT_FALSE(lock.owned()) << "the calling thread, not the process";
        EXPECT_EQ(lock.token(), 0U);
    }).join();
    lock.unlock();
    EXPECT_FALSE(lock.owned());
    EXPECT_EQ(lock.token(), 0U);
    EXPECT_TRUE(free_for_others());
}

TEST_F(Mutex, WorksWithTheLocksOfStd) {
    {
        const std::lock_guard guard_(lock);
        EXPECT_TRUE(lock.owned());
    }
    {
        std::unique_lock held(lock);
        EXPECT_TRUE(held.owns_lock());
        held.unlock();
        EXPECT_TRUE(held.try_lock());
        held.unlock();
        EXPECT_TRUE(held.try_lock_for(1h));
        held.unlock();
        EXPECT_TRUE(held.try_lock_until(std::chrono::system_clock::now() + 1h));
        EXPECT_FALSE(free_for_others());
    }
    {
        const std::unique_lock tried(lock, std::try_to_lock);
        EXPECT_TRUE(tried.owns_lock());
    }
    {
        const std::unique_lock timed(lock, 1h);
        EXPECT_TRUE(timed.owns_lock());
    }
    EXPECT_TRUE(free_for_others());
}

TEST_F(Mutex, WorksWithTheLocksOfBoost) {
    {
        boost::unique_lock<mutex> held(lock);
        EXPECT_TRUE(held.owns_lock());
        EXPECT_FALSE(free_for_others());
        held.unlock();
        EXPECT_TRUE(held.try_lock());
    }
    {
        const boost::unique_lock<mutex> tried(lock, boost::try_to_lock);
        EXPECT_TRUE(tried.owns_lock());
    }
    EXPECT_TRUE(free_for_others());
}

TEST_F(Mutex, WorksWithScopedLockOfSeveralInAnyOrderWithoutDeadlock) {
    mutex other{*home, "other"};
    int both = 0;
    const int each = rounds(500);
    {
        std::jthread forward([&] {
            for (int i = 0; i < each; ++i) {
                const std::scoped_lock hold(lock, other);
                ++both;
            }
        });
        std::jthread backward([&] {
            for (int i = 0; i < each; ++i) {
                const std::scoped_lock hold(other, lock);
                ++both;
            }
        });
    }
    EXPECT_EQ(both, 2 * each);
}

TEST_F(Mutex, ExcludesThreadsFromEachOther) {
    int count = 0;
    const int each = rounds(2000);
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < each; ++i) {
                    const std::lock_guard hold(lock);
                    ++count;
                }
            });
        }
    }
    EXPECT_EQ(count, 4 * each);
}

TEST_F(Mutex, ExcludesProcessesFromEachOther) {
    struct pair_of {
        long first = 0;
        long second = 0;
    };
    shared<pair_of> box;
    const int each = rounds(2000);
    std::vector<child> workers;
    for (int p = 0; p < 4; ++p) {
        workers.push_back(fork_child([&] {
            segment mine = segment::open(home.name());
            mutex same{mine, "lock"};
            for (int i = 0; i < each; ++i) {
                const std::unique_lock hold(same);
                EXPECT_EQ(box->first, box->second);
                ++box->first;
                ++box->second;
            }
        }));
    }
    for (auto& worker : workers) EXPECT_EQ(worker.wait_exit(), 0);
    EXPECT_EQ(box->second, 4L * each);
}

TEST_F(Mutex, TimesOutNeverBeforeTheTime) {
    lock.lock();
    std::thread([&] {
        EXPECT_FALSE(lock.try_lock());
        EXPECT_FALSE(lock.try_lock_for(0s));
        EXPECT_FALSE(lock.try_lock_for(-1h));
        const auto start = clock::now();
        EXPECT_FALSE(lock.try_lock_for(5ms));
        EXPECT_GE(clock::now(), start + 5ms);
        const auto end = clock::now() + 5ms;
        EXPECT_FALSE(lock.try_lock_until(end));
        EXPECT_GE(clock::now(), end);
        const auto wall = std::chrono::system_clock::now() + 5ms;
        EXPECT_FALSE(lock.try_lock_until(wall));
        EXPECT_GE(std::chrono::system_clock::now(), wall);
    }).join();
    EXPECT_TRUE(lock.owned());
    lock.unlock();
}

TEST_F(Mutex, WithATimeoutIsServedByAnUnlockInTime) {
    lock.lock();
    std::jthread other([&] {
        EXPECT_TRUE(lock.try_lock_for(1h));
        lock.unlock();
    });
    ASSERT_TRUE(waited_for());
    lock.unlock();
}

TEST_F(Mutex, UnlockedByAThreadThatHasItNotStaysLocked) {
    lock.unlock();
    EXPECT_TRUE(free_for_others());
    lock.lock();
    std::thread([&] { lock.unlock(); }).join();
    EXPECT_TRUE(lock.owned());
    EXPECT_FALSE(free_for_others());
    lock.unlock();
}

TEST_F(Mutex, HasATokenThatGrowsWithEachHold) {
    std::uint64_t last = 0;
    for (int i = 0; i < 100; ++i) {
        const std::lock_guard hold(lock);
        EXPECT_GT(lock.token(), last);
        last = lock.token();
    }
}

TEST_F(Mutex, IsFreeAgainWhenItsHolderIsKilled) {
    shared<flag> locked;
    auto holder = fork_child([&] {
        lock.lock();
        locked->raise();
        flag never;
        never.wait();
    });
    locked->wait();
    EXPECT_FALSE(lock.try_lock());
    std::jthread waiter([&] {
        const std::unique_lock hold(lock);
        EXPECT_TRUE(lock.owned());
    });
    ASSERT_TRUE(waited_for());
    ASSERT_TRUE(holder.kill());
    waiter.join();
    EXPECT_TRUE(lock.try_lock());
    lock.unlock();
}

TEST_F(Mutex, IsNotHeldByAForkedChildOfItsHolder) {
    lock.lock();
    in_child([&] {
        EXPECT_FALSE(lock.owned());
        EXPECT_EQ(lock.token(), 0U);
        lock.unlock();
        EXPECT_FALSE(lock.try_lock());
    });
    EXPECT_TRUE(lock.owned());
    lock.unlock();
}

TEST_F(Mutex, LostByItsHolderIsNotUnlockedByIt) {
    in_child([&] {
        clock_shift time;
        mutex manual{*home, "manual", {.ttl = 30s, .renewal = renewal::manual}};
        manual.lock();
        time.forward(31s);
        EXPECT_FALSE(manual.owned());
        flag locked;
        flag done;
        std::jthread successor([&] {
            const std::unique_lock hold(manual);
            locked.raise();
            done.wait();
            EXPECT_TRUE(manual.owned());
        });
        locked.wait();
        manual.unlock();
        EXPECT_FALSE(manual.try_lock());
        done.raise();
        successor.join();
        EXPECT_TRUE(manual.try_lock());
        EXPECT_TRUE(manual.owned());
        manual.unlock();
    });
}

TEST_F(Mutex, OfABadNameOrTtlIsRefused) {
    expect_throws(errc::invalid_name, [&] { const mutex bad(*home, ""); });
    expect_throws(errc::invalid_argument, [&] { const mutex bad(*home, "bad", {.ttl = -1s}); });
    auto wide = home->semaphore("wide", {.permits = 2});
    expect_throws(errc::semaphore_mismatch, [&] { const mutex bad(*home, "wide"); });
}

TEST_F(Mutex, DestroyedWhileLockedIsFreeForTheNext) {
    {
        mutex brief{*home, "brief"};
        brief.lock();
    }
    mutex next{*home, "brief"};
    EXPECT_TRUE(next.try_lock());
    next.unlock();
}

}  // namespace
}  // namespace shmsem::test
