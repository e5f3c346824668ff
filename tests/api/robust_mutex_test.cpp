
#include <boost/interprocess/sync/scoped_lock.hpp>
#include <boost/thread/lock_types.hpp>
#include <mutex>
#include <thread>
#include <vector>

#include "shmsem/robust_mutex.hpp"
#include "support/shmsem_test.hpp"

// A process-shared mutex that tells the next owner of a death, again and again until somebody has put the data right.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

static_assert(!std::is_copy_constructible_v<robust_mutex> && !std::is_copy_assignable_v<robust_mutex>);

class RobustMutex : public ::testing::Test {
   protected:
    watchdog guard{60s};
    shared<robust_mutex> lock;

    void die_inside() {
        auto victim = fork_child([&] {
            (void)lock->lock();
            ::raise(SIGKILL);
        });
        ASSERT_EQ(victim.wait_signal(), SIGKILL);
    }
    bool free_for_others() {
        bool got = false;
        std::thread([&] {
            got = lock->try_lock();
            if (got) lock->unlock();
        }).join();
        return got;
    }
};

TEST_F(RobustMutex, IsHeldByOneAtATime) {
    EXPECT_EQ(lock->lock(), previous_owner::left);
    EXPECT_FALSE(lock->owner_died());
    EXPECT_FALSE(free_for_others());
    in_child([&] { EXPECT_FALSE(lock->try_lock()); });
    lock->unlock();
    EXPECT_TRUE(free_for_others());
}

TEST_F(RobustMutex, ExcludesProcessesFromEachOther) {
    shared<long> count{0L};
    const int each = rounds(5000);
    std::vector<child> workers;
    for (int p = 0; p < 4; ++p) {
        workers.push_back(fork_child([&] {
            for (int i = 0; i < each; ++i) {
                const std::lock_guard hold(*lock);
                ++*count;
            }
        }));
    }
    for (auto& worker : workers) EXPECT_EQ(worker.wait_exit(), 0);
    EXPECT_EQ(*count, 4L * each);
}

TEST_F(RobustMutex, TellsTheNextOwnerOfADeath) {
    die_inside();
    EXPECT_EQ(lock->lock(), previous_owner::died);
    EXPECT_TRUE(lock->owner_died());
    lock->mark_consistent();
    lock->unlock();
    EXPECT_EQ(lock->lock(), previous_owner::left);
    EXPECT_FALSE(lock->owner_died());
    lock->unlock();
}

TEST_F(RobustMutex, TellsEveryOwnerUntilTheDataIsMarkedConsistent) {
    die_inside();
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(lock->lock(), previous_owner::died) << i;
        lock->unlock();
    }
    in_child([&] {
        EXPECT_EQ(lock->lock(), previous_owner::died);
        lock->unlock();
    });
    EXPECT_TRUE(lock->try_lock());
    EXPECT_TRUE(lock->owner_died());
    lock->mark_consistent();
    lock->unlock();
    in_child([&] {
        EXPECT_EQ(lock->lock(), previous_owner::left);
        lock->unlock();
    });
}

TEST_F(RobustMutex, SurvivesADeathAfterADeath) {
    for (int i = 0; i < 5; ++i) die_inside();
    EXPECT_EQ(lock->lock(), previous_owner::died);
    lock->mark_consistent();
    lock->unlock();
    die_inside();
    EXPECT_TRUE(lock->try_lock_for(1h));
    EXPECT_TRUE(lock->owner_died());
    lock->mark_consistent();
    lock->unlock();
    EXPECT_EQ(lock->lock(), previous_owner::left);
    lock->unlock();
}

TEST_F(RobustMutex, IsHandedToAWaiterWhenItsOwnerIsKilled) {
    shared<flag> locked;
    auto owner = fork_child([&] {
        (void)lock->lock();
        locked->raise();
        flag never;
        never.wait();
    });
    locked->wait();
    shared<flag> about_to_wait;
    auto waiter = fork_child([&] {
        about_to_wait->raise();
        EXPECT_EQ(lock->lock(), previous_owner::died);
        lock->unlock();
    });
    about_to_wait->wait();
    EXPECT_TRUE(eventually([&] { return sleeps(waiter.pid()); }));
    ASSERT_TRUE(owner.kill());
    EXPECT_EQ(waiter.wait_exit(), 0);
}

TEST_F(RobustMutex, TimesOutNeverBeforeTheTime) {
    (void)lock->lock();
    std::thread([&] {
        EXPECT_FALSE(lock->try_lock());
        EXPECT_FALSE(lock->try_lock_for(0s));
        const auto start = clock::now();
        EXPECT_FALSE(lock->try_lock_for(5ms));
        EXPECT_GE(clock::now(), start + 5ms);
        const auto end = clock::now() + 5ms;
        EXPECT_FALSE(lock->try_lock_until(end));
        EXPECT_GE(clock::now(), end);
        const auto wall = std::chrono::system_clock::now() + 5ms;
        EXPECT_FALSE(lock->try_lock_until(wall));
        EXPECT_GE(std::chrono::system_clock::now(), wall);
        EXPECT_FALSE(lock->try_lock_for(std::chrono::duration<double>(0.002)));
        EXPECT_FALSE(lock->try_lock_for(std::chrono::hours::min()));
        EXPECT_FALSE(lock->try_lock_until(clock::time_point::min()));
        EXPECT_FALSE(lock->try_lock_until(std::chrono::system_clock::time_point::min()));
        EXPECT_FALSE(lock->try_lock_until(std::chrono::file_clock::now()));
    }).join();
    lock->unlock();
    EXPECT_TRUE(lock->try_lock_for(std::chrono::hours::max()));
    lock->unlock();
    EXPECT_TRUE(lock->try_lock_until(std::chrono::time_point<clock, std::chrono::hours>::max()));
    lock->unlock();
    EXPECT_TRUE(lock->try_lock_for(1h));
    lock->unlock();
}

TEST_F(RobustMutex, WorksWithTheLocksOfStd) {
    {
        std::unique_lock held(*lock);
        EXPECT_FALSE(free_for_others());
        held.unlock();
        EXPECT_TRUE(held.try_lock());
        held.unlock();
        EXPECT_TRUE(held.try_lock_for(1h));
        held.unlock();
        EXPECT_TRUE(held.try_lock_until(clock::now() + 1h));
    }
    shared<robust_mutex> other;
    {
        const std::scoped_lock both(*lock, *other);
        EXPECT_FALSE(free_for_others());
    }
    EXPECT_TRUE(free_for_others());
}

TEST_F(RobustMutex, WorksWithTheLocksOfBoost) {
    {
        const boost::interprocess::scoped_lock<robust_mutex> hold(*lock);
        EXPECT_TRUE(hold.owns());
        EXPECT_FALSE(free_for_others());
    }
    {
        const boost::interprocess::scoped_lock<robust_mutex> hold(*lock, boost::interprocess::try_to_lock);
        EXPECT_TRUE(hold.owns());
    }
    {
        boost::unique_lock<robust_mutex> hold(*lock);
        EXPECT_TRUE(hold.owns_lock());
        EXPECT_FALSE(free_for_others());
    }
    EXPECT_TRUE(free_for_others());
}

TEST_F(RobustMutex, WithTheLocksOfBoostStillTellsOfADeath) {
    die_inside();
    {
        const boost::interprocess::scoped_lock<robust_mutex> hold(*lock);
        EXPECT_TRUE(lock->owner_died());
    }
    {
        const std::unique_lock hold(*lock);
        EXPECT_TRUE(lock->owner_died()) << "an unlock alone repairs nothing";
        lock->mark_consistent();
    }
    const boost::interprocess::scoped_lock<robust_mutex> hold(*lock);
    EXPECT_FALSE(lock->owner_died());
}

TEST_F(RobustMutex, TellsOfTheDeathOfAThreadToo) {
    std::thread([&] { (void)lock->lock(); }).join();
    EXPECT_EQ(lock->lock(), previous_owner::died);
    lock->mark_consistent();
    lock->unlock();
}

}  // namespace
}  // namespace shmsem::test
