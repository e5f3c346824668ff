#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "crash/actors.hpp"
#include "os/testing.hpp"

// Creators killed or stopped at each step of creation, of a segment and of a semaphore or a tenant in it.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

std::string name_of(const ::testing::TestParamInfo<const char*>& info) {
    std::string name = std::string("At_") + info.param;
    name[name.find('.')] = '_';
    return name;
}

class CreatorKilled : public ::testing::TestWithParam<const char*> {
   protected:
    [[nodiscard]] bool linked() const { return std::string(GetParam()) == "segment.linked"; }
    void kill_creator() const {
        auto creator = fork_child([&] {
            os::testing::die_at(GetParam());
            (void)segment::create(name.name(), crash_limits);
        });
        EXPECT_EQ(creator.wait_signal(), SIGKILL);
    }
    test_name name{"made"};
};

TEST_P(CreatorKilled, LeavesNothingOrAWholeSegment) {
    watchdog guard{120s};
    kill_creator();
    EXPECT_EQ(files_of(name.name()), linked() ? 1U : 0U);
    in_child([&] {
        std::error_code ec;
        segment found = segment::open(name.name(), access::read_write, ec);
        if (linked()) {
            ASSERT_FALSE(ec) << ec.message();
            expect_usable(found);
        } else {
            EXPECT_EQ(ec, errc::segment_not_found) << ec.message();
        }
    });
}

TEST_P(CreatorKilled, DoesNotHinderTheNextCreator) {
    watchdog guard{120s};
    for (int i = 0; i < 3; ++i) {
        if (i == 0 || !linked()) kill_creator();
    }
    in_child([&] {
        std::error_code ec;
        segment made = segment::create(name.name(), crash_limits, sharing::owner, ec);
        if (linked()) {
            EXPECT_EQ(ec, errc::segment_exists);
            made = segment::open_or_create(name.name(), crash_limits);
        }
        ASSERT_TRUE(made);
        expect_usable(made);
    });
    EXPECT_EQ(files_of(name.name()), 1U);
}

TEST_P(CreatorKilled, InOpenOrCreateLeavesTheSameToBeOpenedOrCreated) {
    watchdog guard{120s};
    auto creator = fork_child([&] {
        os::testing::die_at(GetParam());
        (void)segment::open_or_create(name.name(), crash_limits);
    });
    EXPECT_EQ(creator.wait_signal(), SIGKILL);
    in_child([&] {
        segment made = segment::open_or_create(name.name(), crash_limits);
        expect_usable(made);
    });
}

TEST_P(CreatorKilled, ReplacingAHalfMadeFileLeavesOneThatIsWhole) {
    watchdog guard{120s};
    // What a creator of another make could have left: the name, room, and nothing in it.
    const int fd = ::open(name.path().c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(::ftruncate(fd, 1 << 20), 0);
    ::close(fd);
    in_child([&] {
        std::error_code ec;
        (void)segment::open(name.name(), access::read_write, ec);
        EXPECT_EQ(ec, errc::segment_half_made) << ec.message();
    });
    auto replacer = fork_child([&] {
        os::testing::die_at(GetParam());
        (void)segment::open_or_create(name.name(), crash_limits);
    });
    EXPECT_EQ(replacer.wait_signal(), SIGKILL);
    in_child([&] {
        segment made = segment::open_or_create(name.name(), crash_limits);
        expect_usable(made);
    });
    EXPECT_EQ(files_of(name.name()), 1U);
}

TEST_P(CreatorKilled, WhileOthersRaceForTheSameNameLeavesThemOneSegment) {
    watchdog guard{120s};
    for (int round = 0; round < rounds(20); ++round) {
        shared<barrier> start{4U};
        shared<std::array<std::atomic<std::uint64_t>, 3>> ids;
        std::array<child, 3> racers;
        for (std::size_t i = 0; i < racers.size(); ++i) {
            racers[i] = fork_child([&] {
                start->arrive_and_wait();
                segment home = segment::open_or_create(name.name(), crash_limits);
                (*ids)[i] = home.inspect().id;
                expect_usable(home);
            });
        }
        auto doomed = fork_child([&] {
            os::testing::die_at(GetParam());
            start->arrive_and_wait();
            (void)segment::open_or_create(name.name(), crash_limits);
            ::raise(SIGKILL);  // it came second, and opened another's
        });
        EXPECT_EQ(doomed.wait_signal(), SIGKILL);
        for (auto& racer : racers) EXPECT_EQ(racer.wait_exit(), 0);
        EXPECT_EQ((*ids)[0].load(), (*ids)[1].load());
        EXPECT_EQ((*ids)[1].load(), (*ids)[2].load());
        in_child([&] { EXPECT_TRUE(segment::remove(name.name())); });
    }
}

TEST_P(CreatorKilled, StoppedInsteadIsOvertakenAndFindsTheOthersSegment) {
    watchdog guard{120s};
    shared<std::atomic<std::uint64_t>> id{0U};
    auto slow = fork_child([&] {
        os::testing::stop_at(GetParam());
        segment home = segment::open_or_create(name.name(), crash_limits);
        EXPECT_EQ(home.inspect().id, id->load());
        expect_usable(home);
    });
    ASSERT_TRUE(slow.wait_stopped());
    in_child([&] {
        segment home = segment::open_or_create(name.name(), crash_limits);
        id->store(home.inspect().id);
        expect_usable(home);
    });
    slow.cont();
    EXPECT_EQ(slow.wait_exit(), 0);
}

INSTANTIATE_TEST_SUITE_P(EachStep, CreatorKilled, ::testing::Values("segment.sized", "segment.filled", "segment.linked"),
                         name_of);

/// Room for two semaphores, and for the permits of two: one that leaks either is missed at once.
constexpr limits room_for_two{.processes = 8, .semaphores = 2, .permits = 8, .waiters = 2, .tenants = 1};

class SemaphoreCreatorKilled : public ::testing::TestWithParam<const char*> {
   protected:
    scene set{unexpiring(4, 4), room_for_two};
    void kill_creator() const {
        auto creator = fork_child([&] {
            segment home = set.open();
            EXPECT_TRUE(home.find(scene::permits).acquire().release());
            os::testing::die_at(GetParam());
            (void)home.semaphore("second", unexpiring(4, 4));
        });
        EXPECT_EQ(creator.wait_signal(), SIGKILL);
    }
};

TEST_P(SemaphoreCreatorKilled, LeavesRoomForTheSameOne) {
    watchdog guard{120s};
    kill_creator();
    in_child([&] {
        segment home = set.open();
        auto second = home.semaphore("second", unexpiring(4, 4));
        auto all = second.try_acquire_for(liveness_bound, {.permits = 4});
        ASSERT_TRUE(all);
        EXPECT_EQ(second.available(), 0U);
        EXPECT_TRUE(all->release());
    });
    expect_whole(set);
}

TEST_P(SemaphoreCreatorKilled, NeverUsesUpTheDirectoryOrTheSlots) {
    watchdog guard{120s};
    const bool finished = std::string(GetParam()) == "directory.ready";
    for (int i = 0; i < 4; ++i) {
        if (i == 0 || !finished) kill_creator();
    }
    in_child([&] {
        segment home = set.open();
        std::error_code ec;
        auto other = home.semaphore("other", unexpiring(4, 4), ec);
        if (finished) {
            EXPECT_EQ(ec, errc::too_many_semaphores) << ec.message();
        } else {
            EXPECT_FALSE(ec) << ec.message();
            EXPECT_TRUE(other);
        }
    });
    expect_whole(set);
}

TEST_P(SemaphoreCreatorKilled, HalfMadeIsNotFound) {
    watchdog guard{120s};
    kill_creator();
    in_child([&] {
        segment home = set.open();
        std::error_code ec;
        auto second = home.find("second", ec);
        if (std::string(GetParam()) == "directory.ready") {
            EXPECT_FALSE(ec) << ec.message();
            EXPECT_EQ(second.available(), 4U);
        } else {
            EXPECT_EQ(ec, errc::semaphore_not_found) << ec.message();
        }
    });
}

INSTANTIATE_TEST_SUITE_P(EachStep, SemaphoreCreatorKilled, ::testing::Values("directory.making", "directory.ready"),
                         name_of);

void takes_a_permit_for_a_new_tenant(const stage& on) {
    segment home = on.open();
    auto permits = home.find(scene::permits);
    EXPECT_TRUE(permits.acquire().release());
    on.ready();
    (void)permits.acquire({.tenant = "first"});
}

TEST(TenantMakerKilled, LeavesRoomForAnotherTenant) {
    watchdog guard{120s};
    scene set(unexpiring(1), room_for_two);
    for (int i = 0; i < 3; ++i) kill_during(set, takes_a_permit_for_a_new_tenant, "directory.tenant");
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        std::error_code ec;
        const lease mine = permits.acquire({.tenant = "second"}, ec);
        ASSERT_FALSE(ec) << ec.message();
        const auto holders = permits.inspect().holders;
        ASSERT_EQ(holders.size(), 1U);
        EXPECT_EQ(holders.front().tenant, "second");
    });
    expect_whole(set);
}

}  // namespace
}  // namespace shmsem::test
