#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "crash/actors.hpp"
#include "os/testing.hpp"

// Somebody cuts the file short while processes have it mapped: they get errors where they would have died of SIGBUS.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

class CutShortWhileAttached : public ::testing::TestWithParam<off_t> {
   protected:
    scene set{unexpiring(2)};
};

/// Nothing that comes out of it may be anything but a value or an error of ours.
template <class Call>
void may_fail(Call&& call) {
    try {
        call();
    } catch (const error&) {
    }
}

TEST_P(CutShortWhileAttached, EveryCallEndsWithAnErrorAndTheProcessGoesOn) {
    watchdog guard{120s};
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        auto units = home.ownerless("units", {.initial = 1});
        lease held = permits.acquire();
        lease other = permits.acquire();
        ASSERT_EQ(::truncate(path_of(set.name()).c_str(), GetParam()), 0);

        std::error_code ec;
        EXPECT_FALSE(permits.try_acquire({}, ec));
        EXPECT_FALSE(permits.try_acquire_for(20ms, {}, ec));
        EXPECT_EQ(ec, errc::segment_truncated) << ec.message();
        EXPECT_FALSE(permits.try_acquire_for(20ms, {.permits = 2}, ec));
        may_fail([&] { (void)units.try_acquire(); });
        may_fail([&] { (void)units.try_acquire_for(20ms); });
        may_fail([&] { units.release(); });
        EXPECT_FALSE(held.valid());
        EXPECT_FALSE(held.renew());
        EXPECT_FALSE(held.release());
        may_fail([&] { permits.resize(1); });
        may_fail([&] { permits.pause(); });
        may_fail([&] { permits.resume(); });
        may_fail([&] { (void)permits.end(0, 1); });
        may_fail([&] { (void)permits.reap(); });
        may_fail([&] { (void)permits.stats(); });
        may_fail([&] { (void)home.inspect(); });
        may_fail([&] { (void)home.reap(); });
        may_fail([&] { (void)home.find(scene::permits); });
        may_fail([&] { (void)home.semaphore("new"); });
        EXPECT_FALSE(home.check_invariants().ok());
        may_fail([&] { (void)segment::open(set.name()); });
        may_fail([&] { (void)segment::list(); });

        test_segment sound(crash_limits);
        EXPECT_TRUE(sound->semaphore("s").acquire().release());
    });
}

TEST_P(CutShortWhileAttached, NothingIsToBeHadThereAnyMore) {
    watchdog guard{120s};
    in_child([&] {
        segment home = set.open();
        auto units = home.ownerless("units", {.initial = 0, .max = 1});
        auto permits = home.find(scene::permits);
        lease held = permits.acquire();
        std::thread waits([&] {
            std::error_code ec;
            EXPECT_FALSE(units.try_acquire_for(100ms, {}, ec));
        });
        EXPECT_TRUE(queued(units, 1));
        ASSERT_EQ(::truncate(path_of(set.name()).c_str(), GetParam()), 0);
        waits.join();
        // Whatever was tried before: releases, sweeps and waits that end all come by the gate.
        EXPECT_FALSE(held.release());
        std::error_code ec;
        (void)permits.reap(ec);
        for (int i = 0; i < 1000; ++i) {
            EXPECT_FALSE(units.try_acquire(ec));
            EXPECT_FALSE(permits.try_acquire({}, ec));
        }
        EXPECT_FALSE(units.try_acquire_for(5ms, {}, ec));
        EXPECT_FALSE(permits.try_acquire_for(5ms, {}, ec));
    });
}

TEST_P(CutShortWhileAttached, TheErrorSaysSo) {
    watchdog guard{120s};
    in_child([&] {
        segment home = set.open();
        auto permits = home.find(scene::permits);
        lease held = permits.acquire();
        ASSERT_EQ(::truncate(path_of(set.name()).c_str(), GetParam()), 0);
        EXPECT_FALSE(held.release());  // which touches it
        const auto expect_truncated = [](std::error_code ec) { EXPECT_EQ(ec, errc::segment_truncated) << ec.message(); };
        expect_truncated(code_from([&](auto& ec) { (void)permits.acquire({}, ec); }));
        expect_truncated(code_from([&](auto& ec) { (void)permits.acquire({.tenant = "t"}, ec); }));
        expect_truncated(code_from([&](auto& ec) { permits.resize(1, ec); }));
        expect_truncated(code_from([&](auto& ec) { permits.pause(ec); }));
        expect_truncated(code_from([&](auto& ec) { permits.resume(ec); }));
        expect_truncated(code_from([&](auto& ec) { (void)permits.end(0, 1, ec); }));
        expect_truncated(code_from([&](auto& ec) { (void)permits.reap(ec); }));
        expect_truncated(code_from([&](auto& ec) { (void)home.reap(ec); }));
        expect_truncated(code_from([&](auto& ec) { (void)home.find(scene::permits, ec); }));
        expect_truncated(code_from([&](auto& ec) { (void)home.semaphore("new", {}, ec); }));
    });
}

TEST_P(CutShortWhileAttached, AHolderWithoutATtlIsTold) {
    watchdog guard{120s};
    in_child([&] {
        segment home = set.open();
        lease held = home.find(scene::permits).acquire();
        const std::stop_token lost = held.lost_token();
        ASSERT_EQ(::truncate(path_of(set.name()).c_str(), GetParam()), 0);
        EXPECT_FALSE(held.valid());
        EXPECT_TRUE(eventually([&] { return lost.stop_requested(); }));
    });
}

TEST_P(CutShortWhileAttached, AStopEndsAWaitAlsoWhereTheKernelWaitsForOneWordOnly) {
    watchdog guard{120s};
    holder holds(set, 2);
    in_child([&] {
        os::testing::refuse(os::testing::syscall_kind::futex_waitv);
        segment home = set.open();
        auto permits = home.find(scene::permits);
        std::stop_source stop;
        std::thread waits([&] {
            std::error_code ec;
            EXPECT_FALSE(permits.acquire({.stop = stop.get_token()}, ec));
        });
        EXPECT_TRUE(queued(permits, 1));
        ASSERT_EQ(::truncate(path_of(set.name()).c_str(), GetParam()), 0);
        stop.request_stop();
        waits.join();
    });
    (void)holds.process.kill();
}

TEST_P(CutShortWhileAttached, OnceItIsWholeAgainItIsOpenedAnew) {
    watchdog guard{120s};
    in_child([&] {
        const segment torn = set.open();
        const std::string kept = [&] {
            std::ifstream file(path_of(set.name()), std::ios::binary);
            return std::string(std::istreambuf_iterator<char>(file), {});
        }();
        ASSERT_EQ(::truncate(path_of(set.name()).c_str(), GetParam()), 0);
        EXPECT_FALSE(torn.check_invariants().ok());
        std::ofstream(path_of(set.name()), std::ios::binary | std::ios::in) << kept;
        EXPECT_TRUE(set.open().find(scene::permits).acquire().release());
    });
}

TEST_P(CutShortWhileAttached, AWaiterWithADeadlineIsBackByThen) {
    watchdog guard{120s};
    holder holds(set, 2);
    shared<flag> cut;
    auto waits = fork_child([&] {
        segment home = set.open();
        std::error_code ec;
        EXPECT_FALSE(home.find(scene::permits).try_acquire_for(500ms, {}, ec));
    });
    EXPECT_TRUE(set.queued(1));
    ASSERT_EQ(::truncate(path_of(set.name()).c_str(), GetParam()), 0);
    EXPECT_EQ(waits.wait_exit(), 0);
    (void)holds.process.kill();
}

TEST_P(CutShortWhileAttached, ALookAtItIsAnErrorAtMost) {
    watchdog guard{120s};
    in_child([&] {
        const segment seen = segment::open(set.name(), access::read_only);
        ASSERT_EQ(::truncate(path_of(set.name()).c_str(), GetParam()), 0);
        may_fail([&] { (void)seen.inspect(); });
        EXPECT_FALSE(seen.check_invariants().ok());
    });
}

INSTANTIATE_TEST_SUITE_P(To, CutShortWhileAttached, ::testing::Values(0, 4096), [](const auto& instance) {
    return instance.param == 0 ? std::string("Nothing") : std::string("OnePage");
});

class SignalOfAnother : public CutShortWhileAttached {};

TEST_F(SignalOfAnother, SentByKillItEndsTheProcessAsEver) {
    watchdog guard{120s};
    auto dies = fork_child([&] {
        const segment home = set.open();
        ::raise(SIGBUS);
    });
    EXPECT_EQ(dies.wait_signal(), SIGBUS);
}

TEST_F(SignalOfAnother, FromAnotherFileItEndsTheProcessAsEver) {
    watchdog guard{120s};
    auto dies = fork_child([&] {
        const segment home = set.open();
        const int fd = ::open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        auto* const empty = static_cast<volatile char*>(::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0));
        (void)*empty;
    });
    EXPECT_EQ(dies.wait_signal(), SIGBUS);
}

TEST_F(SignalOfAnother, HandledByTheProgramItIsLeftToThat) {
    watchdog guard{120s};
    in_child([&] {
        struct sigaction own {};
        own.sa_handler = [](int) {};
        ::sigaction(SIGBUS, &own, nullptr);
        const segment home = set.open();
        struct sigaction now {};
        ::sigaction(SIGBUS, nullptr, &now);
        EXPECT_EQ(now.sa_handler, own.sa_handler);
    });
}

}  // namespace
}  // namespace shmsem::test
