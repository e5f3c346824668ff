#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "crash/actors.hpp"
#include "os/testing.hpp"
#include "support/seed.hpp"

// Many processes that acquire, release, wait, give up and die at random places, and are replaced. While it rages no two of
// them have the same seat; when it is over no permit is missing. SHMSEM_SEED repeats the choices, if not the timing.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

constexpr std::array kill_points{
    "acquire.taken",      "release.opened",    "release.before_dispatch",
    "wait.node_claimed",  "wait.locked",       "wait.enqueued",
    "wait.linked",        "wait.before_sleep", "wait.granted",
    "wait.taken",         "wait.abandoned",    "grant.before_commit",
    "grant.after_commit", "grant.marked",      "grant.unlinked",
    "grant.before_wake",  "lock.taken",        "lock.before_release",
    "rouse.flagged",      "rouse.before_wake", "wait.roused",
    "wait.before_hurry",  "lock.released",     "reap.entry_marked",
    "reap.slot_opened",   "reap.before_free",  "renew.done",
    "resize.stored",      "resize.slot",       "join.claimed",
    "join.life_locked",   "join.alive",        "leave.marked",
    "leave.delisted",     "event.numbered",    "event.begun",
};

constexpr std::uint32_t kSeats = 8;

/// What the processes know of each other without asking the library.
struct seats {
    std::array<std::atomic<std::uint64_t>, kSeats> occupant{};
    std::array<std::atomic<std::uint64_t>, kSeats> last_token{};
    std::atomic<std::uint64_t> leases{0};
};

struct weather {
    const char* name;
    order how;
    bool resizes = false;
    bool stops = false;
    int processes = 20;
    /// Until so many have died, or for so long.
    int deaths = rounds(3000);
    std::chrono::seconds duration{0};
};

/// One process's life: does what it likes until the kill point that was chosen for it, or for long enough.
class life {
   public:
    life(segment home, seats& table, std::uint64_t id, std::uint64_t seed, bool resizes)
        : home_(std::move(home)),
          permits_(home_.find(scene::permits)),
          table_(table),
          id_(id),
          random_(seed),
          resizes_(resizes) {}

    void live() {
        const int steps = 20 + pick(400);
        for (int i = 0; i < steps; ++i) step();
    }

   private:
    int pick(int below) { return static_cast<int>(random_() % static_cast<std::uint64_t>(below)); }

    void step() {
        switch (pick(resizes_ ? 12 : 11)) {
            case 0:
            case 1:
            case 2: work(permits_.try_acquire()); break;
            case 3:
            case 4:
            case 5: work(permits_.try_acquire_for(std::chrono::milliseconds(1 + pick(20)))); break;
            case 6:
            case 7: work(permits_.try_acquire_for(10ms, {.permits = 2 + pick(2)})); break;
            case 8: cancelled(); break;
            case 9: (void)permits_.reap(); break;
            case 10: (void)home_.inspect(); break;
            default: permits_.resize(4 + pick(3)); break;
        }
    }

    void cancelled() {
        std::stop_source stop;
        std::thread canceller([&] { stop.request_stop(); });
        work(permits_.try_acquire_for(5ms, {.stop = stop.get_token()}));
        canceller.join();
    }

    void work(std::optional<lease> got) {
        if (!got) return;
        table_.leases.fetch_add(1);
        for (std::uint32_t i = 0; i < got->permits(); ++i) {
            const std::uint32_t seat = got->seat(i);
            if (seat >= kSeats) {
                ADD_FAILURE() << "seat " << seat;
                continue;
            }
            table_.occupant[seat].store(id_);
            if (i == 0) {
                EXPECT_LT(table_.last_token[seat].exchange(got->token()), got->token()) << "a token came twice";
            }
        }
        if (pick(4) == 0) {
            EXPECT_TRUE(got->renew());
        }
        if (pick(8) == 0) std::this_thread::yield();
        for (std::uint32_t i = 0; i < got->permits(); ++i) {
            // Only the living complain: whoever finds another in its seat while it holds the lease has been betrayed.
            std::uint64_t me = id_;
            EXPECT_TRUE(table_.occupant[got->seat(i)].compare_exchange_strong(me, 0)) << me << " sat down beside " << id_;
        }
        if (pick(20) == 0) ::kill(::getpid(), SIGKILL);
        EXPECT_TRUE(got->release());
    }

    segment home_;
    semaphore permits_;
    seats& table_;
    std::uint64_t id_;
    std::mt19937_64 random_;
    bool resizes_;
};

class Storm : public ::testing::TestWithParam<weather> {
   protected:
    void start(std::uint64_t id) {
        const std::uint64_t seed = random_();
        child one = fork_child([&] {
            std::mt19937_64 random(seed);
            os::testing::die_at(kill_points[random() % kill_points.size()], 1 + static_cast<int>(random() % 30));
            life(set.open(), *table, id, seed, GetParam().resizes).live();
        });
        const pid_t pid = one.pid();
        running_.emplace(pid, std::move(one));
    }

    child& anyone() {
        auto at = running_.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(random_() % running_.size()));
        return at->second;
    }

    /// Waits until some process has ended, however it did. @return whether it was killed
    bool bury_one() {
        siginfo_t info{};
        if (::waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) != 0) {
            ADD_FAILURE() << "nobody left";
            return false;
        }
        const bool killed = info.si_code == CLD_KILLED;
        if (killed) {
            EXPECT_EQ(running_.at(info.si_pid).wait_signal(), SIGKILL);
        } else {
            EXPECT_EQ(running_.at(info.si_pid).wait_exit(), 0);
        }
        running_.erase(info.si_pid);
        return killed;
    }

    scene set{{.permits = 5, .max_permits = kSeats, .ttl = forever, .order = GetParam().how},
              {.processes = 1024, .semaphores = 2, .permits = kSeats, .waiters = 512, .tenants = 1}};
    shared<seats> table;
    std::mt19937_64 random_{0};

   private:
    std::map<pid_t, child> running_;

   protected:
    /// @return how many died
    int rage() {
        const weather& how = GetParam();
        const auto end = std::chrono::steady_clock::now() + how.duration;
        std::uint64_t id = 0;
        for (int i = 0; i < how.processes; ++i) start(++id);
        int dead = 0;
        while ((dead < how.deaths || std::chrono::steady_clock::now() < end) && !HasFailure()) {
            if (random_() % 4 == 0) anyone().send(SIGKILL);
            if (how.stops && random_() % 4 == 0) {
                child& frozen = anyone();
                frozen.send(SIGSTOP);
                std::this_thread::sleep_for(2ms);
                frozen.send(SIGCONT);
            }
            dead += bury_one() ? 1 : 0;
            start(++id);
        }
        running_.clear();
        return dead;
    }
};

TEST_P(Storm, LosesNoPermitAndSeatsNoTwoOnTheSameSeat) {
    watchdog guard{280s};
    random_.seed(seed_of_this_run());
    const int deaths = rage();
    std::printf("%d deaths, %llu leases\n", deaths, static_cast<unsigned long long>(table->leases.load()));
    expect_whole(set);
    if (!GetParam().resizes) {
        EXPECT_EQ(set.look().stats.capacity, 5U);
    }
}

std::string name_of(const ::testing::TestParamInfo<weather>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Of, Storm,
                         ::testing::Values(weather{"StrictOrder", order::fifo},
                                           weather{"ThroughputOrder", order::throughput},
                                           weather{.name = "ResizesToo", .how = order::fifo, .resizes = true},
                                           weather{.name = "StopsToo", .how = order::fifo, .stops = true},
                                           weather{.name = "TwoHundredForAMinute",
                                                   .how = order::fifo,
                                                   .processes = 200,
                                                   .duration = std::chrono::seconds{rounds(60)}}),
                         name_of);

}  // namespace
}  // namespace shmsem::test
