#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "crash/actors.hpp"
#include "crash/stepping.hpp"
#include "os/testing.hpp"
#include "support/raw_segment.hpp"
#include "support/stillness.hpp"

// I4: no wake-up is lost. The background threads look after waiters every few seconds whatever happens, which would hide one
// that was lost; so here they are stopped, as only a debugger can stop one thread of many.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

/// Stops one thread, when it sleeps, for as long as this object lives.
class stopped_thread {
   public:
    explicit stopped_thread(pid_t thread) : thread_(thread) {
        if (::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0) {
            error_ = errno;
            return;
        }
        EXPECT_TRUE(eventually([&] {
            if (!sleeps(thread)) return false;
            stop();
            if (was_stopped_in_a_call(thread)) return true;
            ::ptrace(PTRACE_CONT, thread, nullptr, nullptr);
            return false;
        }));
    }
    ~stopped_thread() {
        if (error_ == 0) ::ptrace(PTRACE_DETACH, thread_, nullptr, nullptr);
    }
    stopped_thread(stopped_thread&& other) noexcept
        : thread_(other.thread_), error_(std::exchange(other.error_, ECANCELED)) {}
    stopped_thread(const stopped_thread&) = delete;
    stopped_thread& operator=(const stopped_thread&) = delete;
    stopped_thread& operator=(stopped_thread&&) = delete;
    [[nodiscard]] int error() const noexcept { return error_; }

   private:
    void stop() const {
        ::ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr);
        int status = 0;
        ::waitpid(thread_, &status, __WALL);
        EXPECT_TRUE(WIFSTOPPED(status));
    }

    pid_t thread_;
    int error_ = 0;
};

constexpr int kRounds = rounds(10'000);

struct meeting {
    explicit meeting(std::uint32_t processes) : finished(processes + 1) {}
    tally attached;
    flag go;
    barrier finished;
    std::atomic<unsigned> ready{0};  // rounds that each of two has come to
    std::atomic<unsigned> served{0};

    /// Both start within nanoseconds of each other; a barrier that sleeps would keep them microseconds apart.
    void start_together(unsigned round) {
        ready.fetch_add(1);
        while (ready.load() < 2 * (round + 1)) spin();
    }
    static void spin() {
        static thread_local unsigned spins = 0;
        if (++spins % 1000 == 0) std::this_thread::yield();
    }
};

/// Each process attaches, then runs `work` while no background thread does.
template <class Attach, class Work>
void run_without_background_threads(std::uint32_t count, Attach attach, Work work) {
    const shared<meeting> meet{count};
    std::vector<child> processes;
    for (std::uint32_t i = 0; i < count; ++i) {
        processes.push_back(fork_child([&] {
            auto handle = attach();
            meet->attached.add();
            meet->go.wait();
            work(handle, i, *meet);
            meet->finished.arrive_and_wait();
            meet->finished.arrive_and_wait();  // the background threads run again
        }));
    }
    meet->attached.wait_for(count);
    std::string refused;
    {
        std::vector<stopped_thread> stopped;
        for (const auto& one : processes) stopped.emplace_back(background_thread_of(one.pid()));
        for (const auto& one : stopped) {
            if (one.error() != 0) refused = std::strerror(one.error());
        }
        meet->go.raise();
        meet->finished.arrive_and_wait();
    }
    meet->finished.arrive_and_wait();
    for (auto& one : processes) EXPECT_EQ(one.wait_exit(), 0);
    if (!refused.empty()) GTEST_SKIP() << "no threads can be stopped here: " << refused;
}

/// What every process of a test has in its hands.
struct leased_handle {
    segment home;
    semaphore permits;
};

leased_handle attach_to(const scene& set) {
    leased_handle handle{set.open(), {}};
    handle.permits = handle.home.find(scene::permits);
    EXPECT_TRUE(eventually([&] {
        auto one = handle.permits.try_acquire_for(1ms);  // starts the background thread
        return one.has_value();
    }));
    return handle;
}

class WakeUps : public ::testing::TestWithParam<order> {
   protected:
    [[nodiscard]] static semaphore_options options(std::int64_t permits) {
        return {.permits = permits, .ttl = forever, .order = GetParam()};
    }
};

// One gives and one takes, at the same moment, over and over. In between neither calls the library, so nothing that happens
// later can make up for a wake-up that was lost.

TEST_P(WakeUps, AreNotLostBetweenReleaserAndWaiter) {
    watchdog guard{240s};
    const scene set(options(1));
    shared<std::atomic<bool>> failed{false};
    run_without_background_threads(
        2, [&] { return attach_to(set); },
        [&](leased_handle& use, unsigned which, meeting& meet) {
            std::mt19937 random(which);
            for (unsigned round = 0; round < kRounds && !failed->load(); ++round) {
                lease mine;
                if (which == 0) mine = use.permits.acquire();
                meet.start_together(round);
                for (auto delay = random() % 300; delay > 0; --delay) meeting::spin();
                if (which == 0) {
                    EXPECT_TRUE(mine.release());
                    while (meet.served.load() == round) meeting::spin();
                } else {
                    auto got = use.permits.try_acquire_for(liveness_bound);
                    EXPECT_TRUE(got) << "a wake-up was lost in round " << round;
                    if (!got) failed->store(true);
                    got.reset();
                    meet.served.fetch_add(1);
                }
            }
        });
    expect_whole(set);
}

TEST_P(WakeUps, AreNotLostWhenWaitersGiveUpAtAnyMoment) {
    watchdog guard{240s};
    const scene set(options(2));
    run_without_background_threads(
        3, [&] { return attach_to(set); },
        [](leased_handle& use, unsigned which, meeting&) {
            std::mt19937 random(which);
            for (int i = 0; i < kRounds; ++i) {
                const std::int64_t n = 1 + random() % 2;
                if (which != 0) {
                    const auto patience = std::chrono::microseconds(random() % 200);
                    (void)use.permits.try_acquire_for(patience, {.permits = n});
                } else {
                    auto mine = use.permits.try_acquire_for(liveness_bound, {.permits = n});
                    ASSERT_TRUE(mine) << "a wake-up was lost in round " << i;
                }
            }
        });
    expect_whole(set);
}

// At a death the kernel wakes one background thread and one waiter. Here no background thread runs but that of the dying one.

TEST_P(WakeUps, OfADeathReachTheWaiterItself) {
    watchdog guard{240s};
    const scene set(options(1));
    shared<std::atomic<int>> held{0};
    shared<std::atomic<int>> served{0};
    constexpr int deaths = 20;  // fewer than there are entries, since nobody frees those of the dead
    run_without_background_threads(
        2, [&] { return attach_to(set); },
        [&](leased_handle& use, unsigned which, meeting&) {
            for (int i = 1; i <= deaths; ++i) {
                if (which == 0) {
                    auto dying = fork_child([&] {
                        const lease mine = set.open().find(scene::permits).acquire();
                        held->store(i);
                        flag never;
                        never.wait();
                    });
                    EXPECT_TRUE(set.queued(1));
                    EXPECT_TRUE(dying.kill());
                    EXPECT_TRUE(eventually([&] { return served->load() == i; }));
                } else {
                    EXPECT_TRUE(eventually([&] { return held->load() == i; }));
                    EXPECT_TRUE(use.permits.try_acquire_for(liveness_bound)) << "nobody heard of death " << i;
                    served->store(i);
                }
            }
        });
    expect_whole(set);
}

std::string name_of(const ::testing::TestParamInfo<order>& info) {
    return info.param == order::fifo ? "InStrictOrder" : "InThroughputOrder";
}

INSTANTIATE_TEST_SUITE_P(Served, WakeUps, ::testing::Values(order::fifo, order::throughput), name_of);

// A waiter that was stopped beyond its deadline has its node taken out by others, and finds it another's when it goes on. What it then
// does to the node must not keep that one from being woken.
TEST(WakeUpsOfOthers, AreNotTakenAwayByOneWhoGoesOnTooLate) {
    watchdog guard{240s};
    limits sizes = crash_limits;
    sizes.waiters = 1;
    const scene set(unexpiring(1), sizes);
    shared<flag> left;
    shared<flag> served;
    run_without_background_threads(
        2, [&] { return attach_to(set); },
        [&](leased_handle& use, unsigned which, meeting&) {
            if (which == 1) {
                left->wait();
                (void)use.permits.acquire();
                served->raise();
                return;
            }
            lease mine = use.permits.acquire();
            auto late = fork_child([&] {
                segment home = set.open();
                auto permits = home.find(scene::permits);
                EXPECT_FALSE(permits.try_acquire());                                 // attached by now
                raw_segment(set.name()).view().semaphore(0).front_wait_ns.store(0);  // as after short waits: it is to spin
                os::testing::stop_at("wait.before_spin");
                EXPECT_FALSE(permits.try_acquire_for(500ms));
            });
            EXPECT_TRUE(late.wait_stopped());
            EXPECT_TRUE(eventually([&] {  // some time after its deadline
                (void)use.permits.reap();
                return set.look().stats.waiting == 0;
            }));
            left->raise();
            EXPECT_TRUE(set.queued(1));
            EXPECT_TRUE(eventually([&] {
                const auto waiters = set.look().waiters;
                return waiters.size() == 1 && sleeps(static_cast<pid_t>(waiters[0].tid));
            }));
            late.cont();
            EXPECT_EQ(late.wait_exit(), 0);
            EXPECT_TRUE(mine.release());
            EXPECT_TRUE(eventually([&] { return served->raised(); })) << "nobody woke it";
        });
    expect_whole(set);
}

struct units_handle {
    segment home;
    ownerless_semaphore units;
};

TEST(WakeUpsForUnits, AreNotLostBetweenPosterAndWaiter) {
    watchdog guard{240s};
    const scene set;
    shared<std::atomic<bool>> failed{false};
    run_without_background_threads(
        2,
        [&] {
            units_handle handle{set.open(), {}};
            EXPECT_TRUE(handle.home.find(scene::permits).try_acquire_for(liveness_bound));  // starts the background thread
            handle.units = handle.home.ownerless("units");
            return handle;
        },
        [&](units_handle& use, unsigned which, meeting& meet) {
            std::mt19937 random(which);
            for (unsigned round = 0; round < kRounds && !failed->load(); ++round) {
                meet.start_together(round);
                for (auto delay = random() % 300; delay > 0; --delay) meeting::spin();
                if (which == 0) {
                    use.units.release();
                    while (meet.served.load() == round) meeting::spin();
                } else {
                    const bool got = use.units.try_acquire_for(liveness_bound);
                    EXPECT_TRUE(got) << "a wake-up was lost in round " << round;
                    if (!got) failed->store(true);
                    meet.served.fetch_add(1);
                }
            }
        });
    expect_whole(set);
}

void releases(const stage& on) {
    segment home = on.open();
    lease held = home.find(scene::permits).acquire();
    on.ready();
    held.release();
}

class WakeUpsOwedByTheDead : public ::testing::TestWithParam<const char*> {};

TEST_P(WakeUpsOwedByTheDead, AreGivenByWhoeverReapsThem) {
    watchdog guard{120s};
    const scene set;
    victim granter(set, releases, GetParam());
    waiter due(set);
    shared<flag> attached;
    const auto reaper = fork_child([&] {
        segment home = set.open();
        (void)home.ownerless("units").try_acquire_for(1ms);  // attached, and with nothing to do with the permits
        attached->raise();
        flag never;
        never.wait();
    });
    attached->wait();
    {
        // Before that it may still look for a permit itself.
        EXPECT_TRUE(eventually([&] { return all_threads_sleep(due.process.pid()); }));
        const stopped_thread background(background_thread_of(due.process.pid()));
        if (background.error() != 0) GTEST_SKIP() << "no threads can be stopped here: " << std::strerror(background.error());
        granter.go();
        granter.expect_killed();
        EXPECT_TRUE(due.granted()) << "its own background thread cannot have woken it";
    }
    due.done();
    expect_whole(set);
}

std::string point_name(const ::testing::TestParamInfo<const char*>& info) {
    std::string name = std::string("At_") + info.param;
    name[name.find('.')] = '_';
    return name;
}

INSTANTIATE_TEST_SUITE_P(KilledAtEachStep, WakeUpsOwedByTheDead,
                         ::testing::Values("release.opened", "lock.taken", "grant.after_commit", "grant.marked",
                                           "grant.unlinked", "lock.released", "grant.before_wake"),
                         point_name);

}  // namespace
}  // namespace shmsem::test
