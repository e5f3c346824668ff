#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "crash/actors.hpp"
#include "crash/stepping.hpp"

// I4: no wake-up is lost. The background threads look after waiters every few seconds whatever happens, which would hide one
// that was lost; so here they are stopped, as only a debugger can stop one thread of many.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

/// Stops one thread, when it sleeps, for as long as this object lives.
class stopped_thread {
   public:
    explicit stopped_thread(pid_t thread) : thread_(thread) {
        EXPECT_TRUE(eventually([&] { return sleeps(thread); }));
        if (::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0) {
            error_ = errno;
            return;
        }
        ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
        int status = 0;
        ::waitpid(thread, &status, __WALL);
        EXPECT_TRUE(WIFSTOPPED(status));
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
    pid_t thread_;
    int error_ = 0;
};

constexpr std::size_t kProcesses = 3;
constexpr int kRounds = rounds(10'000);

struct meeting {
    tally attached;
    flag go;
    barrier finished{kProcesses + 1};
};

/// Each process attaches, then runs `work` while no background thread does.
template <class Attach, class Work>
void run_without_background_threads(Attach attach, Work work) {
    const shared<meeting> meet;
    std::array<child, kProcesses> processes;
    for (std::size_t i = 0; i < kProcesses; ++i) {
        processes[i] = fork_child([&] {
            auto handle = attach();
            meet->attached.add();
            meet->go.wait();
            work(handle, static_cast<unsigned>(i));
            meet->finished.arrive_and_wait();
            meet->finished.arrive_and_wait();  // the background threads run again
        });
    }
    meet->attached.wait_for(kProcesses);
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

TEST_P(WakeUps, AreNotLostBetweenReleaserAndWaiter) {
    watchdog guard{240s};
    const scene set(options(1));
    run_without_background_threads([&] { return attach_to(set); },
                                   [](leased_handle& use, unsigned) {
                                       for (int i = 0; i < kRounds; ++i) {
                                           auto mine = use.permits.try_acquire_for(liveness_bound);
                                           ASSERT_TRUE(mine) << "a wake-up was lost in round " << i;
                                       }
                                   });
    expect_whole(set);
}

TEST_P(WakeUps, AreNotLostWhenWaitersGiveUpAtAnyMoment) {
    watchdog guard{240s};
    const scene set(options(2));
    run_without_background_threads([&] { return attach_to(set); },
                                   [](leased_handle& use, unsigned which) {
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

std::string name_of(const ::testing::TestParamInfo<order>& info) {
    return info.param == order::fifo ? "InStrictOrder" : "InThroughputOrder";
}

INSTANTIATE_TEST_SUITE_P(Served, WakeUps, ::testing::Values(order::fifo, order::throughput), name_of);

struct units_handle {
    segment home;
    ownerless_semaphore units;
};

TEST(WakeUpsForUnits, AreNotLostBetweenPosterAndWaiter) {
    watchdog guard{240s};
    const scene set;
    run_without_background_threads(
        [&] {
            units_handle handle{set.open(), {}};
            EXPECT_TRUE(handle.home.find(scene::permits).try_acquire_for(liveness_bound));  // starts the background thread
            handle.units = handle.home.ownerless("units", {.initial = 1});
            return handle;
        },
        [](units_handle& use, unsigned) {
            for (int i = 0; i < kRounds; ++i) {
                ASSERT_TRUE(use.units.try_acquire_for(liveness_bound)) << "a wake-up was lost in round " << i;
                use.units.release();
            }
        });
    expect_whole(set);
}

}  // namespace
}  // namespace shmsem::test
