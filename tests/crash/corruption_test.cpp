#include <unistd.h>

#include <array>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "crash/actors.hpp"
#include "layout/view.hpp"
#include "support/raw_segment.hpp"

// I8: whatever somebody writes into the segment while processes are attached, their calls with deadlines end with a value or
// an error code. A sample of it; SHMSEM_SEED repeats one run.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

struct area {
    const char* name;
    std::size_t (*begin)(const layout::geometry&);
    std::size_t (*bytes)(const layout::geometry&);  // of the part that the scene uses
};

constexpr limits sizes{.processes = 8, .semaphores = 4, .permits = 64, .waiters = 8, .tenants = 4};

const std::vector<area> areas{
    {"Header", [](const layout::geometry&) { return std::size_t{0}; },
     [](const layout::geometry&) { return sizeof(layout::header); }},
    {"Processes", [](const layout::geometry& g) { return g.processes; },
     [](const layout::geometry&) { return 3 * sizeof(layout::process_entry); }},
    {"Semaphores", [](const layout::geometry& g) { return g.semaphores; },
     [](const layout::geometry&) { return 2 * sizeof(layout::semaphore_block); }},
    {"Hints", [](const layout::geometry& g) { return g.hints; },
     [](const layout::geometry& g) { return g.hint_words * sizeof(std::uint64_t); }},
    {"Slots", [](const layout::geometry& g) { return g.slots; },
     [](const layout::geometry&) { return 6 * sizeof(layout::slot); }},
    {"Nodes", [](const layout::geometry& g) { return g.nodes; },
     [](const layout::geometry&) { return 4 * sizeof(layout::node); }},
    {"Tenants", [](const layout::geometry& g) { return g.tenants; },
     [](const layout::geometry&) { return 2 * sizeof(layout::tenant); }},
};

/// Words that are likely to be wrong in an interesting way, next to random ones.
std::uint64_t bad_word(std::mt19937_64& random, std::uint64_t was) {
    switch (random() % 8) {
        case 0: return 0;
        case 1: return ~0ULL;
        case 2: return was ^ 1ULL << random() % 64;
        case 3: return was + 1;
        case 4: return was - 1;
        case 5: return (was & 0xffff'ffff'0000'0000ULL) | (random() & 0xffff'ffffULL);
        case 6: return (was & 0xffff'ffffULL) | (random() << 32);
        default: return random();
    }
}

// Every call here has a deadline or never waits; which answer it gives does not matter.
void use(segment& home, semaphore& permits, ownerless_semaphore& units, lease& held) {
    std::error_code ec;
    auto one = permits.try_acquire({}, ec);
    auto two = permits.try_acquire_for(2ms, {.permits = 2, .tenant = "t", .label = "l"}, ec);
    (void)held.valid();
    (void)held.remaining();
    held.renew(ec);
    (void)held.seat();
    (void)permits.available();
    (void)permits.permits();
    (void)units.try_acquire(ec);
    (void)units.try_acquire_until(std::chrono::steady_clock::now() + 2ms, {}, ec);
    units.release(1, ec);
    (void)units.value();
    try {
        (void)permits.stats();
        (void)permits.inspect();
        (void)units.inspect();
        (void)home.inspect();
        (void)segment::open(home.name(), access::read_only).inspect();
        (void)segment::list();
        (void)home.find("permits");
        (void)home.find("units");
    } catch (const error&) {
    }
    (void)held.release();
    if (two) (void)two->release();
    if (one) (void)one->release();
    (void)permits.try_acquire_for(2ms, {}, ec);
}

std::uint64_t seed() {
    if (const char* given = std::getenv("SHMSEM_SEED")) return std::strtoull(given, nullptr, 0);
    return std::random_device{}();
}

class Corrupted : public ::testing::TestWithParam<area> {};

/// Overwrites one to three words of the area.
void damage(const std::string& name, std::mt19937_64& random) {
    const area& where = Corrupted::GetParam();
    const layout::geometry places = layout::geometry::of(sizes);
    const raw_segment file(name);
    auto* const words = static_cast<layout::word64*>(file.view().base());
    const std::size_t first = where.begin(places) / 8;
    const std::size_t many = where.bytes(places) / 8;
    const auto count = 1 + random() % 3;
    for (std::uint64_t i = 0; i < count; ++i) {
        layout::word64& word = words[first + random() % many];
        word.store(bad_word(random, word.load()));
    }
}

/// Leaves a segment in the middle of work, with a background thread that beats each 10 ms for whoever attaches.
void leave_behind(const std::string& name) {
    segment home = segment::create(name, sizes);
    auto permits = home.semaphore("permits", {.permits = 3, .max_permits = 4, .ttl = 30ms});
    auto units = home.ownerless("units", {.initial = 1});
    const lease held = permits.acquire({.permits = 1, .tenant = "t", .label = "l"});
    ::_exit(0);
}

/// One life: it begins with damage done by others.
void come_to(const std::string& name) {
    const watchdog guard{60s};
    std::error_code ec;
    segment home = segment::open(name, access::read_write, ec);
    auto permits = home.semaphore("permits", {.permits = 3, .max_permits = 4, .ttl = 30ms}, ec);
    auto units = home.ownerless("units", {.initial = 1}, ec);
    auto more = home.semaphore("more", {.ttl = 30ms}, ec);
    if (!home) return;
    for (int round = 0; round < 3; ++round) {
        lease held = permits ? permits.try_acquire({}, ec).value_or(lease{}) : lease{};
        (void)more.try_acquire_for(15ms, {.permits = 2}, ec);  // the background thread beats meanwhile
        use(home, permits, units, held);
    }
}

/// One life: a segment in use, some of its words overwritten, and used on.
void live_through(const std::string& name, std::uint64_t trial_seed) {
    const watchdog guard{60s};
    segment home = segment::create(name, sizes);
    auto permits = home.semaphore("permits", {.permits = 3, .max_permits = 4, .ttl = 30ms});
    auto units = home.ownerless("units", {.initial = 1});
    lease held = permits.acquire({.permits = 1, .tenant = "t", .label = "l"});
    const lease other = permits.acquire();
    std::thread in_the_queue([&] {
        std::error_code ec;
        (void)permits.try_acquire_for(40ms, {.permits = 2}, ec);
    });
    std::thread in_the_other_queue([&] {
        std::error_code ec;
        (void)units.try_acquire(ec);
        (void)units.try_acquire_until(std::chrono::steady_clock::now() + 40ms, {}, ec);
    });

    std::mt19937_64 random(trial_seed);
    for (int round = 0; round < 3; ++round) {
        damage(name, random);
        use(home, permits, units, held);
    }
    in_the_queue.join();
    in_the_other_queue.join();
}

TEST_P(Corrupted, WhileAttachedEveryCallWithADeadlineStillEnds) {
    watchdog guard{280s};
    const std::uint64_t first = seed();
    std::printf("seed: SHMSEM_SEED=%llu\n", static_cast<unsigned long long>(first));
    for (int i = 0; i < rounds(100) && !HasFailure(); ++i) {
        const test_name name("corrupt");
        auto life = fork_child([&] { live_through(name.name(), first + static_cast<std::uint64_t>(i)); });
        EXPECT_EQ(life.wait_exit(), 0) << "repeat with SHMSEM_SEED=" << first + static_cast<std::uint64_t>(i);
    }
}

TEST_P(Corrupted, BeforeItIsOpenedEveryCallWithADeadlineStillEnds) {
    watchdog guard{280s};
    const std::uint64_t first = seed();
    std::printf("seed: SHMSEM_SEED=%llu\n", static_cast<unsigned long long>(first));
    for (int i = 0; i < rounds(100) && !HasFailure(); ++i) {
        const test_name name("corrupt");
        fork_child([&] { leave_behind(name.name()); }).wait_exit();
        std::mt19937_64 random(first + static_cast<std::uint64_t>(i));
        damage(name.name(), random);
        auto life = fork_child([&] { come_to(name.name()); });
        EXPECT_EQ(life.wait_exit(), 0) << "repeat with SHMSEM_SEED=" << first + static_cast<std::uint64_t>(i);
    }
}

std::string name_of(const ::testing::TestParamInfo<area>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(In, Corrupted, ::testing::ValuesIn(areas), name_of);

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
