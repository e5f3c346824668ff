#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "support/raw_segment.hpp"
#include "support/shmsem_test.hpp"

// A segment's life: made, found, opened, listed, removed. What refuses to be opened is in segment_refusal_test.cpp.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class Segment : public ::testing::Test {
   protected:
    watchdog guard{60s};
    test_name wanted;
};

TEST_F(Segment, IsFoundUnderItsNameOnceCreated) {
    const segment made = segment::create(wanted.name());
    EXPECT_TRUE(made);
    EXPECT_EQ(made.name(), wanted.name());
    EXPECT_EQ(::access(wanted.path().c_str(), F_OK), 0);
    const segment found = segment::open(wanted.name());
    EXPECT_TRUE(found);
    EXPECT_EQ(found.name(), wanted.name());
}

TEST_F(Segment, HasTheLimitsItWasCreatedWith) {
    const segment made = segment::create(wanted.name(), small_limits);
    EXPECT_EQ(made.limits(), small_limits);
    EXPECT_EQ(segment::open(wanted.name()).limits(), small_limits);
    EXPECT_NE(small_limits, limits{});
}

TEST_F(Segment, ReservesBetween256KibAnd8MibByDefault) {
    const segment made = segment::create(wanted.name());
    struct stat facts {};
    ASSERT_EQ(::stat(wanted.path().c_str(), &facts), 0);
    EXPECT_GT(facts.st_size, 256 << 10);
    EXPECT_LT(facts.st_size, 8 << 20);
    EXPECT_GE(facts.st_blocks * 512, facts.st_size) << "memory must be reserved at creation, not found missing later";
}

TEST_F(Segment, IsCreatedOnlyOnce) {
    const segment made = segment::create(wanted.name(), small_limits);
    const std::string words = expect_both(
        errc::segment_exists, [&] { (void)segment::create(wanted.name(), small_limits); },
        [&](std::error_code& ec) { EXPECT_FALSE(segment::create(wanted.name(), small_limits, sharing::owner, ec)); });
    EXPECT_THAT(words, HasSubstr(wanted.name()));
}

TEST_F(Segment, IsNeitherMadeNorOpenedInAWayThatDoesNotExist) {
    const auto mode = static_cast<sharing>(3);
    const auto how = static_cast<access>(2);
    expect_both(
        errc::invalid_argument, [&] { (void)segment::create(wanted.name(), small_limits, mode); },
        [&](std::error_code& ec) { (void)segment::create(wanted.name(), small_limits, mode, ec); });
    expect_both(
        errc::invalid_argument, [&] { (void)segment::open_or_create(wanted.name(), small_limits, mode); },
        [&](std::error_code& ec) { (void)segment::open_or_create(wanted.name(), small_limits, mode, ec); });
    EXPECT_NE(::access(wanted.path().c_str(), F_OK), 0);
    segment::create(wanted.name(), small_limits);
    expect_both(
        errc::invalid_argument, [&] { (void)segment::open(wanted.name(), how); },
        [&](std::error_code& ec) { (void)segment::open(wanted.name(), how, ec); });
}

TEST_F(Segment, IsNotFoundBeforeItIsCreated) {
    const std::string words = expect_both(
        errc::segment_not_found, [&] { (void)segment::open(wanted.name()); },
        [&](std::error_code& ec) { EXPECT_FALSE(segment::open(wanted.name(), access::read_write, ec)); });
    EXPECT_THAT(words, HasSubstr(wanted.name()));
}

TEST_F(Segment, ClearsTheErrorCodeOnSuccess) {
    EXPECT_FALSE(code_from([&](auto& ec) { (void)segment::create(wanted.name(), small_limits, sharing::owner, ec); }));
    EXPECT_FALSE(code_from([&](auto& ec) { (void)segment::open(wanted.name(), access::read_write, ec); }));
    EXPECT_FALSE(code_from([&](auto& ec) { (void)segment::open(wanted.name(), access::read_only, ec); }));
    EXPECT_FALSE(
        code_from([&](auto& ec) { (void)segment::open_or_create(wanted.name(), small_limits, sharing::owner, ec); }));
    EXPECT_FALSE(code_from([&](auto& ec) { EXPECT_TRUE(segment::remove(wanted.name(), ec)); }));
}

TEST_F(Segment, IsOpenedOrCreatedWhicheverIsNeeded) {
    segment first = segment::open_or_create(wanted.name(), small_limits);
    segment second = segment::open_or_create(wanted.name(), small_limits);
    EXPECT_EQ(first.inspect().id, second.inspect().id);
    auto held = first.semaphore("s").acquire();
    EXPECT_FALSE(second.semaphore("s").try_acquire());
}

TEST_F(Segment, IsOpenedWhateverItsLimitsWhenNoneAreAskedFor) {
    const segment first = segment::create(wanted.name(), small_limits);
    EXPECT_EQ(segment::open_or_create(wanted.name()).limits(), small_limits);
}

TEST_F(Segment, IsTheSameForAllProcessesThatRaceToMakeIt) {
    constexpr std::size_t kRacers = 8;
    shared<barrier> start{static_cast<std::uint32_t>(kRacers)};
    shared<std::array<std::uint64_t, kRacers>> ids;
    for (int round = 0; round < rounds(20); ++round) {
        const test_name raced("race");
        std::vector<child> racers;
        for (std::size_t i = 0; i < kRacers; ++i) {
            racers.push_back(fork_child([&, i] {
                start->arrive_and_wait();
                segment mine = segment::open_or_create(raced.name(), small_limits);
                (*ids)[i] = mine.inspect().id;
                auto lease = mine.semaphore("one").acquire();
                EXPECT_TRUE(lease.valid());
            }));
        }
        for (auto& racer : racers) EXPECT_EQ(racer.wait_exit(), 0);
        EXPECT_EQ(std::count(ids->begin(), ids->end(), ids->front()), static_cast<std::ptrdiff_t>(kRacers));
        EXPECT_TRUE(invariants_hold(segment::open(raced.name())));
    }
}

TEST_F(Segment, IsMadeByExactlyOneOfManyCreators) {
    constexpr int kRacers = 8;
    shared<barrier> start{static_cast<std::uint32_t>(kRacers)};
    shared<tally> winners;
    std::vector<child> racers;
    for (int i = 0; i < kRacers; ++i) {
        racers.push_back(fork_child([&] {
            start->arrive_and_wait();
            std::error_code ec;
            if (segment::create(wanted.name(), small_limits, sharing::owner, ec)) {
                winners->add();
            } else {
                EXPECT_EQ(ec, errc::segment_exists);
            }
        }));
    }
    for (auto& racer : racers) EXPECT_EQ(racer.wait_exit(), 0);
    EXPECT_EQ(winners->value(), 1U);
}

TEST_F(Segment, LosesItsNameWhenRemovedWhileThoseAttachedGoOn) {
    segment old = segment::create(wanted.name(), small_limits);
    auto work = old.semaphore("work");
    auto held = work.acquire();
    EXPECT_TRUE(segment::remove(wanted.name()));
    EXPECT_FALSE(segment::remove(wanted.name())) << "there is none now, which is no error";
    EXPECT_EQ(code_from([&](auto& ec) { (void)segment::open(wanted.name(), access::read_write, ec); }),
              errc::segment_not_found);
    EXPECT_TRUE(held.release());
    EXPECT_TRUE(work.acquire().valid());
}

TEST_F(Segment, RemovedAndMadeAgainIsAnother) {
    segment old = segment::create(wanted.name(), small_limits);
    const auto old_id = old.inspect().id;
    auto held = old.semaphore("s").acquire();
    segment::remove(wanted.name());
    segment next = segment::create(wanted.name(), small_limits);
    EXPECT_NE(next.inspect().id, old_id);
    EXPECT_EQ(segment::open(wanted.name()).inspect().id, next.inspect().id) << "not the mapping of the removed one";
    EXPECT_TRUE(next.semaphore("s").try_acquire()) << "a lease in the removed one counts for nothing here";
    EXPECT_TRUE(held.valid());
}

TEST_F(Segment, IsNotRemovedIfUnusedWhileAProcessIsAttached) {
    segment mine = segment::create(wanted.name(), small_limits);
    auto held = mine.semaphore("s").acquire();
    in_child([&] {
        expect_both(
            errc::segment_in_use, [&] { segment::remove_if_unused(wanted.name()); },
            [&](std::error_code& ec) { EXPECT_FALSE(segment::remove_if_unused(wanted.name(), ec)); });
    });
    EXPECT_EQ(::access(wanted.path().c_str(), F_OK), 0);
}

TEST_F(Segment, IsNotRemovedIfUnusedWhileAProcessOnlyHasItOpenOrCountsInIt) {
    shared<flag> opened;
    shared<flag> enough;
    segment::create(wanted.name(), small_limits);
    auto user = fork_child([&] {
        auto count = segment::open(wanted.name()).ownerless("count", {.initial = 1});
        EXPECT_TRUE(count.try_acquire());
        opened->raise();
        enough->wait();
    });
    opened->wait();
    EXPECT_EQ(code_from([&](auto& ec) { segment::remove_if_unused(wanted.name(), ec); }), errc::segment_in_use);
    {
        const segment merely_open = segment::open(wanted.name(), access::read_only);
        enough->raise();
        EXPECT_EQ(user.wait_exit(), 0);
        EXPECT_EQ(code_from([&](auto& ec) { segment::remove_if_unused(wanted.name(), ec); }), errc::segment_in_use);
    }
    EXPECT_TRUE(segment::remove_if_unused(wanted.name()));
}

TEST_F(Segment, IsRemovedIfUnusedAfterItsLastProcessDied) {
    shared<flag> attached;
    auto user = fork_child([&] {
        segment mine = segment::create(wanted.name(), small_limits);
        auto held = mine.semaphore("s").acquire();
        attached->raise();
        flag never;
        never.wait();
    });
    attached->wait();
    EXPECT_EQ(code_from([&](auto& ec) { segment::remove_if_unused(wanted.name(), ec); }), errc::segment_in_use);
    ASSERT_TRUE(user.kill());
    EXPECT_TRUE(segment::remove_if_unused(wanted.name()));
    EXPECT_NE(::access(wanted.path().c_str(), F_OK), 0);
    EXPECT_FALSE(segment::remove_if_unused(wanted.name()));
}

TEST_F(Segment, IsListedWithItsSizeAndItsAttachedProcesses) {
    segment mine = segment::create(wanted.name(), small_limits);
    auto held = mine.semaphore("s").acquire();
    const auto all = segment::list();
    const auto it = std::find_if(all.begin(), all.end(), [&](const auto& entry) { return entry.name == wanted.name(); });
    ASSERT_NE(it, all.end());
    EXPECT_FALSE(it->error) << it->error.message();
    EXPECT_EQ(it->attached, 1U);
    EXPECT_EQ(it->uid, ::geteuid());
    struct stat facts {};
    ASSERT_EQ(::stat(wanted.path().c_str(), &facts), 0);
    EXPECT_EQ(it->bytes, static_cast<std::uint64_t>(facts.st_size));
}

TEST_F(Segment, IsListedWithItsErrorWhenItCannotBeOpened) {
    make_file(wanted.name(), std::string(8192, 'x'));
    const auto all = segment::list();
    const auto it = std::find_if(all.begin(), all.end(), [&](const auto& entry) { return entry.name == wanted.name(); });
    ASSERT_NE(it, all.end());
    EXPECT_EQ(it->error, errc::segment_foreign);
    EXPECT_EQ(it->bytes, 8192U);
}

TEST_F(Segment, OpenedReadOnlyShowsEverythingAndChangesNothing) {
    segment writer = segment::create(wanted.name(), small_limits);
    auto held = writer.semaphore("s", {.permits = 2}).acquire({.label = "seen"});
    in_child([&] {
        segment reader = segment::open(wanted.name(), access::read_only);
        const auto seen = reader.inspect();
        ASSERT_EQ(seen.semaphores.size(), 1U);
        ASSERT_EQ(seen.semaphores[0].holders.size(), 1U);
        EXPECT_EQ(seen.semaphores[0].holders[0].label, "seen");
        EXPECT_TRUE(reader.check_invariants().ok());
        EXPECT_EQ(seen.processes.size(), 1U) << "a reader is not attached";
        expect_both(
            errc::read_only, [&] { (void)reader.semaphore("new"); },
            [&](std::error_code& ec) { (void)reader.semaphore("new", {}, ec); });
        expect_both(
            errc::read_only, [&] { reader.reap(); }, [&](std::error_code& ec) { reader.reap(ec); });
        auto found = reader.find("s");
        EXPECT_EQ(found.available(), 1U);
        expect_both(
            errc::read_only, [&] { (void)found.acquire(); }, [&](std::error_code& ec) { (void)found.acquire({}, ec); });
    });
}

TEST_F(Segment, HandleThatStandsForNoneIsFalse) {
    const segment none;
    EXPECT_FALSE(none);
    const semaphore no_semaphore;
    EXPECT_FALSE(no_semaphore);
    const ownerless_semaphore no_count;
    EXPECT_FALSE(no_count);
    const lease no_lease;
    EXPECT_FALSE(no_lease);
}

TEST_F(Segment, LivesOnInTheHandlesOfItsSemaphores) {
    semaphore survivor;
    {
        segment mine = segment::create(wanted.name(), small_limits);
        survivor = mine.semaphore("s");
    }
    lease held = survivor.acquire();
    EXPECT_TRUE(held.valid());
    EXPECT_EQ(survivor.stats().acquired, 1U);
}

TEST_F(Segment, HoldsManySemaphoresUnderTheirOwnNames) {
    segment mine = segment::create(wanted.name(), small_limits);
    auto a = mine.semaphore("a");
    auto b = mine.semaphore("b", {.permits = 2});
    auto in_a = a.acquire();
    EXPECT_FALSE(a.try_acquire());
    auto in_b = b.try_acquire();
    EXPECT_TRUE(in_b);
    EXPECT_EQ(a.name(), "a");
    EXPECT_EQ(b.name(), "b");
    EXPECT_EQ(mine.find("b").permits(), 2U);
}

}  // namespace
}  // namespace shmsem::test
