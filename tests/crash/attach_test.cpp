#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "crash/actors.hpp"
#include "support/clock_shift.hpp"

// Processes killed while they attach or leave: their places in the process table come back.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kPlaces = 3;
constexpr limits few_places{.processes = kPlaces, .semaphores = 1, .permits = 8, .waiters = 2, .tenants = 1};

void attaches(const stage& on) {
    on.ready();
    (void)on.permits().acquire();
}

void attaches_and_leaves(const stage& on) {
    on.ready();
    segment home = on.open();
    EXPECT_TRUE(home.find(scene::permits).acquire().release());
    home = segment();
}

std::string name_of(const ::testing::TestParamInfo<const char*>& info) {
    std::string name = std::string("At_") + info.param;
    name[name.find('.')] = '_';
    return name;
}

class KilledAttaching : public ::testing::TestWithParam<const char*> {};

TEST_P(KilledAttaching, DoesNotKeepItsPlaceForEver) {
    watchdog guard{120s};
    scene set(unexpiring(1), few_places);
    for (std::uint32_t i = 0; i < kPlaces; ++i) kill_during(set, attaches, GetParam());
    in_child([&] {
        // One that died before it had a life word cannot be told from one that is slow; its place is given away in the end.
        const clock_shift later(1h);
        segment home = set.open();
        std::error_code ec;
        lease mine;
        EXPECT_TRUE(eventually([&] {
            mine = home.find(scene::permits).acquire({}, ec);
            return !ec;
        })) << ec.message();
        EXPECT_TRUE(mine.release());
        EXPECT_TRUE(invariants_hold(home));
    });
}

TEST_P(KilledAttaching, FillsTheTableWithAnErrorAtMost) {
    watchdog guard{120s};
    scene set(unexpiring(1), few_places);
    for (std::uint32_t i = 0; i < 3 * kPlaces; ++i) {
        in_child([&] {
            std::error_code ec;
            segment home = set.open();
            lease mine = home.find(scene::permits).acquire({}, ec);
            if (ec) {
                EXPECT_EQ(ec, errc::too_many_processes) << ec.message();
                EXPECT_FALSE(mine);
            } else {
                EXPECT_TRUE(mine.release());
            }
        });
        if (i < kPlaces) kill_during(set, attaches, GetParam());
    }
}

INSTANTIATE_TEST_SUITE_P(EachStep, KilledAttaching, ::testing::Values("join.claimed", "join.life_locked", "join.alive"),
                         name_of);

TEST_P(KilledAttaching, InTheStepsOfADeadHolderLeavesItsPermitToTheNext) {
    watchdog guard{120s};
    // The only place is a dead holder's: who attaches takes it over, with all that was held.
    constexpr limits one_place{.processes = 1, .semaphores = 1, .permits = 8, .waiters = 2, .tenants = 1};
    scene set(unexpiring(1), one_place);
    holder first(set);
    EXPECT_TRUE(first.process.kill());
    kill_during(set, attaches, GetParam());
    in_child([&] {
        const clock_shift later(1h);
        segment home = set.open();
        auto permits = home.find(scene::permits);
        EXPECT_TRUE(eventually([&] {
            std::error_code ec;
            return permits.try_acquire({}, ec).has_value();
        }));
        EXPECT_TRUE(invariants_hold(home));
    });
}

class KilledLeaving : public ::testing::TestWithParam<const char*> {};

TEST_P(KilledLeaving, GivesItsPlaceBack) {
    watchdog guard{120s};
    scene set(unexpiring(1), few_places);
    for (std::uint32_t i = 0; i < 4 * kPlaces; ++i) kill_during(set, attaches_and_leaves, GetParam());
    expect_served(set);
    expect_whole(set);
}

// Off the kernel's list, its life word not yet 0: nobody would ever have marked it.
INSTANTIATE_TEST_SUITE_P(At, KilledLeaving, ::testing::Values("leave.marked", "leave.delisted"), [](const auto& instance) {
    std::string name = instance.param;
    name[name.find('.')] = '_';
    return name;
});

TEST(KilledAttached, AllProcessesThatTheTableHoldsAtOnceGiveTheirPlacesToTheNext) {
    watchdog guard{120s};
    scene set(unexpiring(kPlaces), few_places);
    std::deque<holder> all;
    for (std::uint32_t i = 0; i < kPlaces; ++i) all.emplace_back(set);
    // Stopped first, so that none of them can look after another.
    for (auto& one : all) one.process.stop();
    for (auto& one : all) EXPECT_TRUE(one.process.kill());
    expect_served(set, kPlaces);
    expect_whole(set);
}

TEST(KilledAttached, AnyNumberOfProcessesOneAfterTheOtherGiveTheirPlacesBack) {
    watchdog guard{120s};
    scene set(unexpiring(1), few_places);
    for (std::uint32_t i = 0; i < 4 * kPlaces; ++i) {
        holder dies(set);
        EXPECT_TRUE(dies.process.kill());
    }
    expect_whole(set);
}

TEST(FirstUse, ByManyThreadsAtOnceAttachesTheProcessOnce) {
    watchdog guard{120s};
    const scene set(unexpiring(4), few_places);
    for (int i = 0; i < rounds(100) && !::testing::Test::HasFailure(); ++i) {
        in_child([&] {
            segment home = set.open();
            auto permits = home.find(scene::permits);
            barrier start(4);
            std::vector<std::thread> threads;
            for (int k = 0; k < 4; ++k) {
                threads.emplace_back([&] {
                    start.arrive_and_wait();
                    for (int n = 0; n < 20; ++n) {
                        lease mine = permits.acquire();
                        mine.on_lost([] {});
                        EXPECT_TRUE(mine.release());
                    }
                });
            }
            for (auto& thread : threads) thread.join();
            EXPECT_EQ(home.inspect().processes.size(), 1U);
        });
    }
    expect_whole(set);
}

}  // namespace
}  // namespace shmsem::test
