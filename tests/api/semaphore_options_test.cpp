#include <gmock/gmock.h>

#include <vector>

#include "support/shmsem_test.hpp"

// One name, one set of options: whoever asks for others is told both values, unless it asked to adopt or to resize.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

class SemaphoreOptions : public WithSegment {
   protected:
    std::string expect_refused(errc want, const std::string& name, const semaphore_options& options) {
        return expect_both(
            want, [&] { (void)home->semaphore(name, options); },
            [&](std::error_code& ec) { EXPECT_FALSE(home->semaphore(name, options, ec)); });
    }
};

TEST_F(SemaphoreOptions, OfTheSameNameAndValueAreTheSameSemaphore) {
    auto one = home->semaphore("s", {.permits = 2});
    auto other = home->semaphore("s", {.permits = 2});
    auto a = one.acquire();
    auto b = other.acquire();
    EXPECT_NE(a.seat(), b.seat());
    EXPECT_FALSE(one.try_acquire());
}

TEST_F(SemaphoreOptions, WithOtherPermitsAreAnErrorThatNamesBothValues) {
    auto first = home->semaphore("s", {.permits = 37, .max_permits = 50});
    const auto words = expect_refused(errc::semaphore_mismatch, "s", {.permits = 41, .max_permits = 50});
    EXPECT_THAT(without(words, home.name()), AllOf(HasSubstr("37"), HasSubstr("41"), HasSubstr("'s'")));
    EXPECT_EQ(first.permits(), 37U);
}

TEST_F(SemaphoreOptions, WithAnyOtherValueAreAnError) {
    const semaphore_options base{.permits = 2,
                                 .max_permits = 5,
                                 .ttl = 30s,
                                 .renewal = renewal::manual,
                                 .max_hold = 1h,
                                 .order = order::fifo,
                                 .max_waiters = 7};
    auto first = home->semaphore("s", base);
    const auto differs = [&](const char* what, auto change) {
        SCOPED_TRACE(what);
        semaphore_options other = base;
        change(other);
        expect_refused(errc::semaphore_mismatch, "s", other);
        other.if_different = if_different::adopt;
        EXPECT_EQ(home->semaphore("s", other).permits(), 2U);
    };
    differs("max_permits", [](auto& o) { o.max_permits = 6; });
    differs("ttl", [](auto& o) { o.ttl = 31s; });
    differs("no ttl", [](auto& o) { o.ttl = forever; });
    differs("renewal", [](auto& o) { o.renewal = renewal::automatic; });
    differs("max_hold", [](auto& o) { o.max_hold = 2h; });
    differs("order", [](auto& o) { o.order = order::throughput; });
    differs("max_waiters", [](auto& o) { o.max_waiters = 8; });
    EXPECT_FALSE(code_from([&](auto& ec) { (void)home->semaphore("s", base, ec); }));
}

TEST_F(SemaphoreOptions, AdoptedAreThoseThatItHas) {
    auto first = home->semaphore("s", {.permits = 3, .ttl = 20s, .order = order::throughput});
    auto adopted = home->semaphore("s", {.permits = 5, .if_different = if_different::adopt});
    EXPECT_EQ(adopted.permits(), 3U);
    EXPECT_EQ(adopted.inspect().ttl, 20s);
    EXPECT_EQ(adopted.inspect().order, order::throughput);
    auto held = adopted.acquire();
    EXPECT_LE(held.remaining(), 20s + 20ms);
    EXPECT_EQ(first.available(), 2U);
}

TEST_F(SemaphoreOptions, ResizedHaveThePermitsGivenAndElseWhatItHas) {
    auto first = home->semaphore("s", {.permits = 2, .max_permits = 8, .ttl = 20s});
    auto resized = home->semaphore("s", {.permits = 6, .ttl = 90s, .if_different = if_different::resize});
    EXPECT_EQ(resized.permits(), 6U);
    EXPECT_EQ(first.permits(), 6U);
    EXPECT_EQ(first.available(), 6U);
    EXPECT_EQ(resized.inspect().ttl, 20s);
    expect_refused(errc::too_many_permits, "s", {.permits = 9, .if_different = if_different::resize});
    EXPECT_EQ(first.permits(), 6U);
}

TEST_F(SemaphoreOptions, OfTheOtherKindAreAnErrorEitherWay) {
    auto leased = home->semaphore("leased");
    auto counted = home->ownerless("counted");
    expect_refused(errc::semaphore_kind, "counted", {});
    expect_both(
        errc::semaphore_kind, [&] { (void)home->find("counted"); },
        [&](std::error_code& ec) { (void)home->find("counted", ec); });
    expect_both(
        errc::semaphore_kind, [&] { (void)home->ownerless("leased"); },
        [&](std::error_code& ec) { (void)home->ownerless("leased", {}, ec); });
}

TEST_F(SemaphoreOptions, FindNeverCreates) {
    const auto words = expect_both(
        errc::semaphore_not_found, [&] { (void)home->find("missing"); },
        [&](std::error_code& ec) { EXPECT_FALSE(home->find("missing", ec)); });
    EXPECT_THAT(words, HasSubstr("missing"));
    EXPECT_TRUE(home->inspect().semaphores.empty());
    auto made = home->semaphore("missing", {.permits = 4});
    EXPECT_EQ(home->find("missing").permits(), 4U);
}

TEST_F(SemaphoreOptions, ThatCannotBeRightAreAnInvalidArgumentAndCreateNothing) {
    const auto refused = [&](const char* what, const semaphore_options& options) {
        SCOPED_TRACE(what);
        expect_refused(errc::invalid_argument, "bad", options);
    };
    refused("permits 0", {.permits = 0});
    refused("permits -1", {.permits = -1});
    refused("permits least", {.permits = INT64_MIN});
    refused("max_permits below permits", {.permits = 3, .max_permits = 2});
    refused("max_permits -1", {.permits = 3, .max_permits = -1});
    refused("ttl 0", {.ttl = 0s});
    refused("ttl -1", {.ttl = -1s});
    refused("ttl beyond the longest", {.ttl = max_ttl + 1s});
    refused("max_hold 0", {.max_hold = 0s});
    refused("max_hold -1", {.max_hold = -1s});
    refused("renewal of no kind", {.renewal = static_cast<renewal>(2)});
    refused("order of no kind", {.order = static_cast<order>(2)});
    refused("if_different of no kind", {.if_different = static_cast<if_different>(3)});
    EXPECT_TRUE(home->inspect().semaphores.empty());
}

TEST_F(SemaphoreOptions, AtTheirLimitsAreAccepted) {
    EXPECT_TRUE(home->semaphore("shortest", {.ttl = 1ns}));
    auto longest = home->semaphore("longest", {.ttl = max_ttl, .max_hold = max_ttl});
    EXPECT_GT(longest.acquire().remaining(), max_ttl - 1min);
    EXPECT_TRUE(home->semaphore("wide", {.permits = 200, .max_permits = 200}));
}

TEST_F(SemaphoreOptions, ForMorePermitsThanTheSegmentHasRoomForAreRefused) {
    expect_refused(errc::too_many_permits, "huge", {.permits = 257, .max_permits = 257});
    expect_refused(errc::too_many_permits, "huge", {.permits = 1, .max_permits = 257});
    expect_refused(errc::invalid_argument, "huge", {.permits = INT64_MAX, .max_permits = INT64_MAX});
    auto most = home->semaphore("most", {.permits = 256, .max_permits = 256});
    EXPECT_EQ(most.available(), 256U);
    expect_refused(errc::too_many_permits, "one more", {.permits = 1, .max_permits = 1});
}

TEST_F(SemaphoreOptions, ForMoreSemaphoresThanTheSegmentHasRoomForAreRefused) {
    for (std::uint32_t i = 0; i < small_limits.semaphores; ++i) {
        ASSERT_TRUE(home->semaphore("s" + std::to_string(i)));
    }
    expect_refused(errc::too_many_semaphores, "one-more", {});
    expect_both(
        errc::too_many_semaphores, [&] { (void)home->ownerless("one-more"); },
        [&](std::error_code& ec) { (void)home->ownerless("one-more", {}, ec); });
    EXPECT_TRUE(home->semaphore("s0").acquire().valid());
}

TEST_F(SemaphoreOptions, GrowToTwiceThePermitsUnlessAMaximumIsGiven) {
    auto s = home->semaphore("s", {.permits = 3});
    EXPECT_EQ(s.inspect().max_permits, 6U);
    s.resize(6);
    EXPECT_EQ(s.permits(), 6U);
    expect_both(
        errc::too_many_permits, [&] { s.resize(7); }, [&](std::error_code& ec) { s.resize(7, ec); });
}

TEST_F(SemaphoreOptions, OfManyProcessesThatRaceToCreateGiveOneSemaphore) {
    constexpr std::uint32_t kRacers = 6;
    for (int round = 0; round < rounds(30); ++round) {
        test_segment own;
        shared<barrier> start{kRacers};
        shared<barrier> taken{kRacers};
        shared<tally> got;
        std::vector<child> racers;
        for (std::uint32_t i = 0; i < kRacers; ++i) {
            racers.push_back(fork_child([&] {
                segment mine = segment::open(own.name());
                start->arrive_and_wait();
                auto s = mine.semaphore("raced", {.permits = 2});
                auto held = s.try_acquire();
                if (held) got->add();
                taken->arrive_and_wait();
            }));
        }
        for (auto& racer : racers) EXPECT_EQ(racer.wait_exit(), 0);
        EXPECT_EQ(got->value(), 2U);
        EXPECT_EQ(own->inspect().semaphores.size(), 1U);
    }
}

}  // namespace
}  // namespace shmsem::test
