#include <unistd.h>

#include <stop_token>
#include <thread>

#include "crash/actors.hpp"
#include "layout/view.hpp"
#include "os/testing.hpp"
#include "support/raw_segment.hpp"

// I8, one scene for each way in which damage once did more than it may. What looks for others is tests/fuzz.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

constexpr limits sizes{.processes = 8, .semaphores = 4, .permits = 64, .waiters = 8, .tenants = 4};

// What is given out and measured is bounded by what was validated when the segment was opened, not by what it says now.
TEST(Numbers, ThatNoSegmentCanHaveAreNotPassedOn) {
    watchdog guard{120s};
    test_segment home(sizes);
    home.expect_broken();
    auto permits = home->semaphore("permits", {.permits = 3, .max_permits = 4});
    const raw_segment file(home.name());
    file.view().semaphore(0).permits.store(layout::none);
    file.view().semaphore(0).gate.store(layout::gate::count_mask);
    EXPECT_EQ(permits.permits(), 4U);
    EXPECT_EQ(permits.stats().capacity, 4U);
    EXPECT_EQ(permits.stats().waiting, sizes.waiters);
    EXPECT_EQ(permits.inspect().stats.percent, 0);
}

// Found by its sanitizer: the difference to now overflows.
TEST(PointsInTime, ThatNoClockCanHaveShownAreTakenForNow) {
    watchdog guard{120s};
    test_segment home(sizes);
    home.expect_broken();
    auto permits = home->semaphore("permits", {.permits = 2, .ttl = 30ms, .max_hold = 1h, .order = order::throughput});
    auto held = permits.acquire();
    auto second = permits.acquire();
    const raw_segment file(home.name());
    file.view().process(0).joined_ns.store(std::uint64_t{1} << 63);
    std::thread waiter([&] { (void)permits.try_acquire_for(10s); });
    ASSERT_TRUE(queued(permits, 1));
    for (std::uint32_t i = 0; i < 2; ++i) {
        file.view().slot(i).acquired_ns.store(std::uint64_t{1} << 63);
        file.view().node(i).enqueued_ns.store(std::uint64_t{1} << 63);
    }
    for (const holder_info& h : permits.inspect().holders) EXPECT_EQ(h.held, duration::zero());
    for (const waiter_info& w : permits.inspect().waiters) EXPECT_EQ(w.waited, duration::zero());
    for (const process_info& p : home->inspect().processes) EXPECT_EQ(p.attached, duration::zero());
    (void)held.renew();
    (void)held.release();
    (void)second.release();
    waiter.join();
}

TEST(PointsInTime, TooFarAwayToCountFromAreRefusedWhenTheSegmentIsOpened) {
    watchdog guard{120s};
    const test_name name("epoch");
    make_abandoned_segment(name.name(), sizes);
    const raw_segment file(name.name());
    for (const std::int64_t epoch : {INT64_MIN, INT64_MAX, (std::int64_t{1} << 62) + 1}) {
        file.header().epoch_ns = epoch;
        std::error_code ec;
        (void)segment::open(name.name(), access::read_write, ec);
        EXPECT_EQ(ec, errc::segment_corrupt) << epoch;
    }
}

// The hints of a new semaphore lie behind those of all others.
TEST(TheLastWordOfTheTableOfHints, WhenTakenByADamagedSemaphoreLeavesNoRoomForANewOne) {
    watchdog guard{120s};
    test_segment home(sizes);
    home.expect_broken();
    auto permits = home->semaphore("permits", {.permits = 3, .max_permits = 4});
    const raw_segment file(home.name());
    file.view().semaphore(0).first_hint.store(static_cast<std::uint32_t>(file.view().places().hint_words) - 1);
    std::error_code ec;
    EXPECT_FALSE(home->semaphore("another", {}, ec));
    EXPECT_EQ(ec, errc::segment_corrupt);
}

// Between a look at a futex and the sleep on it a message can come and be overwritten.
struct overwritten {
    layout::word32* word = nullptr;
    std::stop_source stop{std::nostopstate};
    flag reached;
};
overwritten scene;

TEST(AnOverwrittenMailbox, DoesNotKeepTheLastHandleFromGoing) {
    watchdog guard{120s};
    const test_name name("mailbox");
    make_abandoned_segment(name.name(), sizes);
    const raw_segment file(name.name());
    in_child([&] {
        scene.word = &file.view().process(0).mailbox;
        os::testing::call_at("keeper.before_sleep", [] {
            const std::uint32_t seen = scene.word->load();
            scene.reached.raise();
            while (scene.word->load() == seen) std::this_thread::yield();
            scene.word->store(seen);
        });
        segment home = segment::open(name.name());
        (void)home.reap();  // attaches
        scene.reached.wait();
        home = {};
    });
}

TEST(AnOverwrittenSignal, DoesNotKeepAStopFromEndingAWait) {
    watchdog guard{120s};
    const test_name name("signal");
    in_child([&] { (void)segment::create(name.name(), {1, 1, 1, 1, 1}).semaphore("permits"); });
    const raw_segment file(name.name());
    in_child([&] {
        auto permits = segment::open(name.name()).find("permits");
        const lease held = permits.acquire();
        scene.word = &file.view().node(0).signal;
        scene.stop = std::stop_source();
        os::testing::call_at("wait.before_sleep", [] {
            const std::uint32_t seen = scene.word->load();
            scene.stop.request_stop();
            scene.word->store(seen);
        });
        std::error_code ec;
        (void)permits.acquire({.stop = scene.stop.get_token()}, ec);
        EXPECT_EQ(ec, errc::cancelled);
    });
}

// One damaged word makes a leased semaphore look ownerless: nobody may look for its slots then.
TEST(OfTheOtherKind, ASemaphoreIsLeftAloneByTheBackgroundThread) {
    watchdog guard{120s};
    const test_name name("kind");
    in_child([&] {
        segment home = segment::create(name.name(), sizes);
        (void)home.semaphore("one", {.ttl = 30ms});
        (void)home.semaphore("other", {.ttl = 30ms});
    });
    const raw_segment file(name.name());
    file.view().semaphore(1).kind.store(1);
    in_child([&] {
        segment home = segment::open(name.name());
        auto one = home.find("one");
        const lease held = one.acquire();
        EXPECT_FALSE(one.try_acquire_for(100ms)) << "renewed by the background thread, which is alive";
        EXPECT_TRUE(held.valid());
    });
}

TEST(CutShort, TheFileOfAnAttachedSegmentIsAnErrorForWhoComesNext) {
    watchdog guard{120s};
    const test_name name("short");
    in_child([&] { (void)segment::create(name.name(), sizes).semaphore("permits"); });
    for (const auto bytes :
         {layout::geometry::of(sizes).total - 64, sizeof(layout::header), std::size_t{100}, std::size_t{1}}) {
        ASSERT_EQ(::truncate(name.path().c_str(), static_cast<off_t>(bytes)), 0);
        in_child([&] {
            std::error_code ec;
            (void)segment::open(name.name(), access::read_write, ec);
            EXPECT_EQ(ec, errc::segment_truncated) << bytes << " bytes: " << ec.message();
            (void)segment::list();
        });
    }
}

TEST(CutShort, AFileThatChangesItsSizeAllTheTimeNeverKillsWhoLooksAtIt) {
    watchdog guard{120s};
    const test_name name("shrinks");
    in_child([&] { (void)segment::create(name.name(), sizes).semaphore("permits"); });
    const auto whole = static_cast<off_t>(layout::geometry::of(sizes).total);
    shared<flag> looked;
    auto cutter = fork_child([&] {
        while (!looked->raised()) {
            EXPECT_EQ(::truncate(name.path().c_str(), 0), 0);
            EXPECT_EQ(::truncate(name.path().c_str(), whole), 0);
        }
    });
    in_child([&] {
        for (int i = 0; i < rounds(2000); ++i) {
            std::error_code ec;
            (void)segment::open(name.name(), access::read_only, ec);
            (void)segment::list();
        }
    });
    looked->raise();
    EXPECT_EQ(cutter.wait_exit(), 0);
}

}  // namespace
}  // namespace shmsem::test
