#include <sys/time.h>

#include <chrono>
#include <csignal>
#include <random>
#include <vector>

#include "crash/actors.hpp"
#include "support/seed.hpp"

// A signal comes each millisecond, and its handler does not ask for calls to be restarted.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

void be_interrupted_all_the_time() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    EXPECT_EQ(::sigaction(SIGALRM, &action, nullptr), 0);
    const timeval often{.tv_sec = 0, .tv_usec = 1000};
    const itimerval times{.it_interval = often, .it_value = often};
    EXPECT_EQ(::setitimer(ITIMER_REAL, &times, nullptr), 0);
}

void work(const scene& set, std::uint64_t seed) {
    be_interrupted_all_the_time();
    std::mt19937_64 random(seed);
    for (int i = 0; i < rounds(2000); ++i) {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        switch (random() % 6) {
            case 0: EXPECT_TRUE(permits.acquire().release()); break;
            case 1: EXPECT_TRUE(permits.acquire({.permits = 2}).release()); break;
            case 2: {
                const auto start = std::chrono::steady_clock::now();
                if (auto mine = permits.try_acquire_for(5ms, {.permits = 2})) {
                    EXPECT_TRUE(mine->release());
                } else {
                    EXPECT_GE(std::chrono::steady_clock::now() - start, 5ms) << "ended before its time";
                }
                break;
            }
            case 3: {
                auto mine = permits.acquire();
                EXPECT_TRUE(mine.renew());
                break;
            }
            case 4: (void)home.reap(); break;
            default: {
                const test_name name("often");
                segment made = segment::open_or_create(name.name(), crash_limits);
                EXPECT_TRUE(made.semaphore("s").acquire().release());
                break;
            }
        }
    }
}

TEST(Interruptions, AThousandASecondEndNoCallBeforeItsTime) {
    watchdog guard{280s};
    const scene set(unexpiring(2));
    const std::uint64_t seed = seed_of_this_run();
    std::vector<child> all;
    for (std::uint64_t i = 0; i < 5; ++i) all.push_back(fork_child([&set, seed, i] { work(set, seed + i); }));
    for (auto& one : all) EXPECT_EQ(one.wait_exit(), 0);
    expect_whole(set);
}

}  // namespace
}  // namespace shmsem::test
