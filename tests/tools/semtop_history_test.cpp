#include "semtop/history.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/charts.hpp"
#include "report/columns.hpp"
#include "report/tenants.hpp"
#include "report_samples.hpp"

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using report::charset;
using semtop::history;
using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;

report::snapshot one_semaphore(std::uint64_t segment, std::uint64_t acquired, std::uint64_t released, double percent) {
    segment_snapshot home;
    home.name = "s";
    home.id = segment;
    semaphore_snapshot semaphore;
    semaphore.name = "a";
    semaphore.stats.total_acquired = acquired;
    semaphore.stats.total_released = released;
    semaphore.stats.percent = percent;
    home.semaphores = {semaphore};
    report::snapshot result;
    result.segments = {{.name = "s", .reaped = 0, .contents = home}};
    return result;
}

constexpr history::time_point kStart{100s};

TEST(SemtopHistory, RatesNeedTwoSamples) {
    history past;
    EXPECT_FALSE(past.rates_of(1, "a"));
    past.add(one_semaphore(1, 100, 90, 0), kStart);
    EXPECT_FALSE(past.rates_of(1, "a")) << "what was before is not known";
    past.add(one_semaphore(1, 150, 100, 0), kStart + 2s);
    ASSERT_TRUE(past.rates_of(1, "a"));
    EXPECT_DOUBLE_EQ(past.rates_of(1, "a")->acquired, 25);
    EXPECT_DOUBLE_EQ(past.rates_of(1, "a")->released, 5);
    EXPECT_FALSE(past.rates_of(1, "b"));
    EXPECT_FALSE(past.rates_of(2, "a"));
}

TEST(SemtopHistory, StartsAnewWithACounterThatWentBackward) {
    history past;
    past.add(one_semaphore(1, 100, 90, 0), kStart);
    past.add(one_semaphore(1, 10, 9, 0), kStart + 1s);
    EXPECT_FALSE(past.rates_of(1, "a"));
    past.add(one_semaphore(1, 20, 8, 0), kStart + 2s);
    EXPECT_DOUBLE_EQ(past.rates_of(1, "a")->acquired, 10);
    EXPECT_DOUBLE_EQ(past.rates_of(1, "a")->released, 0) << "it is computed from others, and may fall a little";
}

TEST(SemtopHistory, ASegmentThatWasCreatedAnewStartsAnew) {
    history past;
    past.add(one_semaphore(1, 100, 90, 100), kStart);
    past.add(one_semaphore(2, 200, 90, 100), kStart + 1s);
    EXPECT_FALSE(past.rates_of(2, "a")) << "another id under the same name";
    EXPECT_FALSE(past.rates_of(1, "a")) << "forgotten";
    EXPECT_THAT(past.use_of(1, "a", 3), Each(-1));
}

TEST(SemtopHistory, TwoSamplesAtTheSameTimeGiveNoRate) {
    history past;
    past.add(one_semaphore(1, 100, 90, 0), kStart);
    past.add(one_semaphore(1, 200, 90, 0), kStart);
    EXPECT_FALSE(past.rates_of(1, "a"));
}

TEST(SemtopHistory, UseIsTheMeanOfTenSecondsWithNowAtTheEnd) {
    history past;
    past.add(one_semaphore(1, 0, 0, 100), kStart);
    past.add(one_semaphore(1, 0, 0, 50), kStart + 5s);
    past.add(one_semaphore(1, 0, 0, 25), kStart + 12s);
    EXPECT_THAT(past.use_of(1, "a", 3), ElementsAre(-1, DoubleNear(0.75, 1e-6), DoubleNear(0.25, 1e-6)));
    past.add(one_semaphore(1, 0, 0, 300), kStart + 45s);
    EXPECT_THAT(past.use_of(1, "a", 5), ElementsAre(DoubleNear(0.75, 1e-6), DoubleNear(0.25, 1e-6), DoubleNear(0.25, 1e-6),
                                                    DoubleNear(0.25, 1e-6), 1))
        << "slots without a sample are as the one before; more than all is all";
    EXPECT_THAT(past.use_of(1, "a", 100), ::testing::SizeIs(100)) << "more than is kept is not known";
}

TEST(SemtopHistory, OldSlotsDoNotComeRoundAgain) {
    history past;
    past.add(one_semaphore(1, 0, 0, 100), kStart);
    past.add(one_semaphore(1, 0, 0, 0), kStart + history::slot * static_cast<int>(history::slots + 5));
    const auto use = past.use_of(1, "a", history::slots);
    for (std::size_t i = 0; i + 1 < use.size(); ++i) EXPECT_EQ(use[i], -1) << i;
    EXPECT_EQ(use.back(), 0);
}

TEST(Charts, ASparklineHasEightHeights) {
    EXPECT_EQ(report::sparkline({-1, 0, 0.01, 0.5, 0.99, 1, 2}, charset::ascii), " _.-*##");
    EXPECT_EQ(report::sparkline({0, 1}, charset::utf8), "\u2581\u2588");
}

TEST(Charts, AHistogramHasALineForEachBucketThatMatters) {
    histogram counts{};
    counts[9] = 10;
    counts[11] = 5;
    EXPECT_THAT(report::histogram_bars(counts, 24, charset::ascii),
                ElementsAre(" <1.0ms [###########] 10", " <2.0ms [...........]  0", " <4.0ms [#####......]  5"));
    EXPECT_TRUE(report::histogram_bars({}, 24, charset::ascii).empty());
    histogram longest{};
    longest[23] = 1;
    EXPECT_THAT(report::histogram_bars(longest, 20, charset::ascii)[0], ::testing::HasSubstr(">=8.3s"));
}

TEST(Tenants, AreThoseWhoHoldOrWait) {
    const auto seen = busy_snapshot();
    const auto tenants = report::tenants_of(std::get<segment_snapshot>(seen.segments[0].contents).semaphores[1]);
    ASSERT_EQ(tenants.size(), 3U);
    EXPECT_EQ(tenants[0].tenant, "");
    EXPECT_EQ(tenants[0].held, 1U);
    EXPECT_EQ(tenants[0].waiting, 1U);
    EXPECT_EQ(tenants[1].tenant, "acme");
    EXPECT_EQ(tenants[1].oldest_wait, 1520ms);
    EXPECT_EQ(tenants[2].tenant, "globex");
    EXPECT_EQ(tenants[2].waiting, 0U);
}

}  // namespace
}  // namespace shmsem::test
