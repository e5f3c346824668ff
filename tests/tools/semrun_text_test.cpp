#include <gmock/gmock.h>

#include "semrun/items.hpp"
#include "semrun/progress.hpp"
#include "semrun/queue_text.hpp"
#include "support/shmsem_test.hpp"

// Pure functions: what is said of the line and of progress, how lines become commands.

namespace shmsem::semrun {
namespace {

using namespace std::chrono_literals;
using report::charset;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(SemrunText, OrdinalsAreEnglish) {
    EXPECT_EQ(ordinal(1), "1st");
    EXPECT_EQ(ordinal(2), "2nd");
    EXPECT_EQ(ordinal(3), "3rd");
    EXPECT_EQ(ordinal(4), "4th");
    EXPECT_EQ(ordinal(11), "11th");
    EXPECT_EQ(ordinal(12), "12th");
    EXPECT_EQ(ordinal(13), "13th");
    EXPECT_EQ(ordinal(21), "21st");
    EXPECT_EQ(ordinal(112), "112th");
}

holder_info holder(std::uint32_t seat, std::uint32_t pid, const std::string& label, duration held) {
    holder_info result;
    result.seat = seat;
    result.token = 4;
    result.process = pid;
    result.pid = pid;
    result.command = "semrun";
    result.label = label;
    result.held = held;
    return result;
}

semaphore_snapshot line_of_three() {
    semaphore_snapshot seen;
    seen.holders.push_back(holder(0, 1234, "make", 127s));
    for (std::uint32_t pid = 1; pid <= 3; ++pid) {
        auto& waiter = seen.waiters.emplace_back();
        waiter.ticket = pid;
        waiter.pid = pid;
    }
    return seen;
}

TEST(SemrunText, SaysThePlaceInLineWhoHoldsThePermitAndForHowLong) {
    EXPECT_EQ(line_text(line_of_three(), 3, charset::ascii), "3rd in line, held by pid 1234 make for 2m07s");
    EXPECT_EQ(line_text(line_of_three(), 4, charset::ascii), std::nullopt) << "not in line";
}

TEST(SemrunText, NamesTheLongestHolderAndCountsTheOthers) {
    semaphore_snapshot seen = line_of_three();
    for (std::uint32_t seat = 1; seat <= 2; ++seat) {
        seen.holders.push_back(holder(seat, 77, "", 2h));
        seen.holders.back().command = "worker";
    }
    seen.waiters[0].permits = 2;
    EXPECT_EQ(line_text(seen, 1, charset::ascii), "1st in line for 2 permits, held by pid 77 worker for 2h00m and 1 other");
    seen.paused = true;
    seen.holders.clear();
    EXPECT_EQ(line_text(seen, 2, charset::ascii), "2nd in line, which is paused");
}

TEST(SemrunText, LetsNoNameControlTheTerminal) {
    semaphore_snapshot seen = line_of_three();
    seen.holders[0].label = "\x1b[2J";
    EXPECT_THAT(*line_text(seen, 1, charset::utf8), Not(HasSubstr("\x1b")));
}

TEST(SemrunText, OnlyWhatChangesInTheLineIsNews) {
    const semaphore_snapshot before = line_of_three();
    semaphore_snapshot after = before;
    after.holders[0].held = 300s;
    EXPECT_EQ(line_key(before, 3), line_key(after, 3));
    after.holders[0].token = 5;
    EXPECT_NE(line_key(before, 3), line_key(after, 3));
    EXPECT_NE(line_key(before, 3), line_key(before, 2));
}

// ---- progress

progress some() { return {.known = 40, .all_known = true, .running = 3, .succeeded = 19, .failed = 1, .elapsed = 60s}; }

TEST(SemrunText, ProgressFitsTheTerminal) {
    EXPECT_EQ(progress_bar(some(), 79, charset::ascii),
              "[########.........] 20 of 40 done, 3 running, 1 failed, 1m00s, about 1m01s left");
    for (std::size_t width = 0; width < 140; ++width) {
        EXPECT_LE(report::columns(progress_bar(some(), width, charset::utf8)), width);
    }
}

TEST(SemrunText, ProgressGuessesTheTimeOnlyFromWhatItKnows) {
    progress now = some();
    now.all_known = false;
    EXPECT_EQ(progress_line(now), "20 of at least 40 done, 3 running, 1 failed, 1m00s");
    now = {.known = 2, .all_known = true, .waiting = true};
    EXPECT_EQ(progress_line(now), "0 of 2 done, 0 running, waits for a permit, 0s");
    now = some();
    now.halted = true;
    EXPECT_EQ(progress_line(now), "20 of 40 done, 3 running, 1 failed, starts no more, 1m00s");
}

TEST(SemrunText, TheSummaryAccountsForEveryLine) {
    progress end{.known = 1, .all_known = true, .succeeded = 1, .elapsed = 2100ms};
    EXPECT_EQ(summary(end), "1 job in 2.1s: 1 succeeded, 0 failed");
    end = {.known = 9, .all_known = true, .succeeded = 3, .failed = 2, .halted = true, .elapsed = 127s};
    EXPECT_EQ(summary(end), "9 jobs in 2m07s: 3 succeeded, 2 failed, 4 not run");
    end.all_known = false;
    EXPECT_EQ(summary(end), "9 jobs in 2m07s: 3 succeeded, 2 failed, at least 4 not run");
}

// ---- lines

std::vector<std::string> all_of(items& from) {
    std::vector<std::string> result;
    while (!from.empty()) result.push_back(from.pop());
    return result;
}

TEST(SemrunItems, AreLinesHoweverTheBytesArrive) {
    items lines(-1, '\n');
    for (const char* piece : {"a", "b\n\nc d", "\n", "last"}) lines.take(piece);
    EXPECT_FALSE(lines.ended());
    EXPECT_EQ(lines.waiting(), 3U);
    lines.take({});
    EXPECT_TRUE(lines.ended());
    EXPECT_THAT(all_of(lines), ElementsAre("ab", "", "c d", "last"));
}

TEST(SemrunItems, EndWithNulWhenAskedTo) {
    items lines(-1, '\0');
    lines.take(std::string_view("a\nb\0\0c\0", 7));
    lines.take({});
    EXPECT_THAT(all_of(lines), ElementsAre("a\nb", "", "c"));
}

TEST(SemrunItems, OfNothingAreNone) {
    items lines(-1, '\n');
    lines.take({});
    EXPECT_TRUE(lines.ended());
    EXPECT_TRUE(lines.empty());
}

TEST(SemrunItems, ReplaceEachPairOfBracesOrAreAppended) {
    EXPECT_THAT(command_for({"cp", "{}", "out/{}.{}"}, "a b"), ElementsAre("cp", "a b", "out/a b.a b"));
    EXPECT_THAT(command_for({"gzip", "-9"}, "x"), ElementsAre("gzip", "-9", "x"));
    EXPECT_THAT(command_for({"{}"}, "{}"), ElementsAre("{}")) << "what is put in is not looked at again";
    EXPECT_THAT(command_for({"echo", "{", "}"}, ""), ElementsAre("echo", "{", "}", ""));
}

}  // namespace
}  // namespace shmsem::semrun
