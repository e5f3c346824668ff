#include <gtest/gtest.h>

#include <string>

#include "report/format.hpp"
#include "report/printable.hpp"
#include "report/table.hpp"

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using report::charset;
using report::clip;
using report::columns;
using report::human;
using report::printable;

TEST(Printable, LeavesOrdinaryTextAlone) {
    EXPECT_EQ(printable("worker-3: make all", charset::ascii), "worker-3: make all");
    EXPECT_EQ(printable("r\u00e9sum\u00e9 \u65e5\u672c \u2713", charset::utf8), "r\u00e9sum\u00e9 \u65e5\u672c \u2713");
}

TEST(Printable, EscapesWhatATerminalWouldObey) {
    EXPECT_EQ(printable("\x1b[2J\r\n\t\x07\x7f"s, charset::utf8), "\\x1b[2J\\x0d\\x0a\\x09\\x07\\x7f");
    EXPECT_EQ(printable("\0"s, charset::utf8), "\\x00");
    EXPECT_EQ(printable("\u009b31m", charset::utf8), "\\u{9b}31m");
}

TEST(Printable, EscapesWhatReordersOrHides) {
    EXPECT_EQ(printable("\u202egnp\u2066\u200b\ufeff\u2028\U000e0041", charset::utf8),
              "\\u{202e}gnp\\u{2066}\\u{200b}\\u{feff}\\u{2028}\\u{e0041}");
}

TEST(Printable, EscapesBytesThatAreNotUtf8) {
    EXPECT_EQ(printable("a\xff"
                        "b",
                        charset::utf8),
              "a\\xffb");
    EXPECT_EQ(printable("cut \xe2\x82", charset::utf8), "cut \\xe2\\x82");
    EXPECT_EQ(printable("\xc0\xaf", charset::utf8), "\\xc0\\xaf") << "an over-long form";
    EXPECT_EQ(printable("\xed\xa0\x80", charset::utf8), "\\xed\\xa0\\x80") << "a surrogate";
    EXPECT_EQ(printable("\xf4\x90\x80\x80", charset::utf8), "\\xf4\\x90\\x80\\x80") << "beyond U+10FFFF";
}

TEST(Printable, DoublesBackslashesSoThatNoTextCanPoseAsAnother) {
    EXPECT_EQ(printable("\\x1b", charset::ascii), "\\\\x1b");
    EXPECT_NE(printable("\\x1b", charset::ascii), printable("\x1b", charset::ascii));
}

TEST(Printable, EscapesEverythingBeyondAsciiWhereThatIsAllThereIs) {
    EXPECT_EQ(printable("r\u00e9sum\u00e9", charset::ascii), "r\\u{e9}sum\\u{e9}");
}

TEST(Printable, GivesALeadingMarkSomethingToSitOn) {
    EXPECT_EQ(printable("\u0301a", charset::utf8), " \u0301a");
    EXPECT_EQ(columns(printable("\u0301a", charset::utf8)), 2U);
}

TEST(Printable, CountsColumnsNotBytes) {
    EXPECT_EQ(columns("abc"), 3U);
    EXPECT_EQ(columns("r\u00e9sum\u00e9"), 6U);
    EXPECT_EQ(columns("e\u0301"), 1U);
    EXPECT_EQ(columns("\u65e5\u672c"), 4U);
    EXPECT_EQ(columns("\U0001f680"), 2U);
}

TEST(Printable, ClipsInTheMiddleAndNeverInACharacter) {
    EXPECT_EQ(clip("abcdef", 6, charset::ascii), "abcdef");
    EXPECT_EQ(clip("shard-17-of-the-east", 10, charset::ascii), "shard-~ast");
    EXPECT_EQ(clip("shard-17-of-the-east", 10, charset::utf8), "shard-\u2026ast");
    EXPECT_EQ(clip("abc", 1, charset::ascii), "~");
    EXPECT_EQ(clip("abc", 0, charset::ascii), "");
    for (std::size_t width = 0; width < 20; ++width) {
        const std::string clipped = clip("\u65e5\u672c\u8a9e\u65e5\u672c\u8a9ee\u0301\u65e5\u672c", width, charset::utf8);
        EXPECT_LE(columns(clipped), width);
        EXPECT_EQ(printable(clipped, charset::utf8), clipped) << "a character was cut in two";
    }
}

TEST(Format, ShowsDurationsShortAndNeverRoundedUp) {
    EXPECT_EQ(human(0ns), "0s");
    EXPECT_EQ(human(-5ns), "0s");
    EXPECT_EQ(human(850ns), "850ns");
    EXPECT_EQ(human(1'999ns), "1.9us");
    EXPECT_EQ(human(180us), "180us");
    EXPECT_EQ(human(999'999us), "999ms");
    EXPECT_EQ(human(9'990ms), "9.9s");
    EXPECT_EQ(human(59'999ms), "59s");
    EXPECT_EQ(human(187s), "3m07s");
    EXPECT_EQ(human(3'599s), "59m59s");
    EXPECT_EQ(human(2h + 5min), "2h05m");
    EXPECT_EQ(human(76h), "3d04h");
    EXPECT_EQ(human(forever), "forever");
}

TEST(Format, ShowsBytes) {
    EXPECT_EQ(report::human_bytes(512), "512 B");
    EXPECT_EQ(report::human_bytes(2 << 20), "2.0 MiB");
    EXPECT_EQ(report::human_bytes(130ULL << 20), "130 MiB");
}

TEST(Format, FillsABarOnlyWhenEverythingIsHeldAndEmptiesItOnlyWhenNothingIs) {
    EXPECT_EQ(report::bar(0, 10, 5, charset::ascii), "[.....]");
    EXPECT_EQ(report::bar(1, 1'000'000, 5, charset::ascii), "[#....]");
    EXPECT_EQ(report::bar(5, 10, 5, charset::ascii), "[##...]");
    EXPECT_EQ(report::bar(999'999, 1'000'000, 5, charset::ascii), "[####.]");
    EXPECT_EQ(report::bar(10, 10, 5, charset::ascii), "[#####]");
    EXPECT_EQ(report::bar(12, 10, 5, charset::ascii), "[#####]");
    EXPECT_EQ(report::bar(0, 0, 5, charset::ascii), "[.....]");
    EXPECT_EQ(report::bar(1, 2, 4, charset::utf8), "\u2588\u2588\u2591\u2591");
}

TEST(Table, DropsTheHighestGroupFirstAndFoldsItUnderTheRow) {
    const report::table what{
        .headings = {{"NAME"}, {"B", report::align::right, 2}, {"A", report::align::right, 1}},
        .rows = {{"one", "222", "111"}, {"three", "", "333"}},
    };
    EXPECT_EQ(lay_out(what, 15, charset::ascii),
              "NAME     B    A\n"
              "one    222  111\n"
              "three       333\n");
    EXPECT_EQ(lay_out(what, 14, charset::ascii),
              "NAME     A\n"
              "one    111\n"
              "    b 222\n"
              "three  333\n");
    EXPECT_EQ(lay_out(what, 9, charset::ascii),
              "NAME\n"
              "one\n"
              "    a 111\n"
              "    b 222\n"
              "three\n"
              "    a 333\n");
}

TEST(Table, HidesAColumnWithoutValues) {
    const report::table what{.headings = {{"NAME"}, {"TENANT"}, {"N", report::align::right}}, .rows = {{"a", "", "1"}}};
    EXPECT_EQ(lay_out(what, 80, charset::ascii), "NAME  N\na     1\n");
}

TEST(Table, ClipsLongTextALittleRatherThanDropTheFirstGroup) {
    const report::table what{.headings = {{"NAME"}, {"N", report::align::right, 1}},
                             .rows = {{"a-name-that-is-as-long-as-they-get", "1"}}};
    EXPECT_EQ(lay_out(what, 25, charset::ascii), "NAME                    N\na-name-that-is~hey-get  1\n");
}

}  // namespace
}  // namespace shmsem::test
