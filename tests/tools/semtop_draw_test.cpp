#include "semtop/draw.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "report_samples.hpp"
#include "semtop/overview_columns.hpp"
#include "semtop/palette.hpp"
#include "semtop_models.hpp"

// What is to be seen, compared with the texts in tests/tools/golden. After a change that is meant, write them anew with
// SHMSEM_WRITE_GOLDEN=1 build/bin/tools_test --gtest_filter='SemtopDraw*' and read the difference.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using report::charset;
using semtop::draw;
using semtop::model;
using semtop::role;
using semtop::screen;
using ::testing::HasSubstr;
using ::testing::Not;

void expect_golden(const std::string& name, const std::string& text) {
    const auto path = std::filesystem::path(__FILE__).parent_path() / "golden" / (name + ".txt");
    if (std::getenv("SHMSEM_WRITE_GOLDEN") != nullptr) {
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << text;
        return;
    }
    std::ifstream file(path);
    EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>(file), {})) << path;
}

struct shape {
    const char* name;
    semtop::size extent;
    charset terminal;
};

class SemtopDraw : public ::testing::TestWithParam<shape> {
   protected:
    [[nodiscard]] static model sized(const report::snapshot& seen) {
        return model_of(seen, GetParam().extent, GetParam().terminal);
    }
    static void expect(const std::string& page, const model& of) { expect_golden(page + GetParam().name, draw(of).text()); }
};

report::snapshot many_things() {
    auto seen = busy_snapshot();
    for (auto& one : broken_snapshot().segments) seen.segments.push_back(one);
    return seen;
}

TEST_P(SemtopDraw, TheOverview) { expect("overview", sized(many_things())); }
TEST_P(SemtopDraw, TheDetail) { expect("detail", after(sized(busy_snapshot()), {"/", "c", "o", "d", "Enter", "Enter"})); }
TEST_P(SemtopDraw, TheDeadlocks) { expect("deadlocks", after(sized(deadlock_snapshot()), {"D"})); }
TEST_P(SemtopDraw, TheHelp) { expect("help", after(sized(busy_snapshot()), {"?"})); }
TEST_P(SemtopDraw, AQuestion) { expect("question", after(sized(busy_snapshot()), {"Down", "Enter", "Down", "e"})); }
TEST_P(SemtopDraw, TheColumnsToSortBy) { expect("columns", after(sized(busy_snapshot()), {"F6", "Down"})); }

INSTANTIATE_TEST_SUITE_P(Each, SemtopDraw,
                         ::testing::Values(shape{"80x24", {24, 80}, charset::utf8},
                                           shape{"80x24ascii", {24, 80}, charset::ascii},
                                           shape{"200x60", {60, 200}, charset::utf8},
                                           shape{"40x10", {10, 40}, charset::utf8},
                                           shape{"40x10ascii", {10, 40}, charset::ascii}),
                         [](const auto& instance) { return "At" + std::string(instance.param.name); });

std::size_t row_with(const screen& on, const std::string& text) {
    const std::string all = on.text();
    const auto at = all.find(text);
    EXPECT_NE(at, std::string::npos) << text << " in\n" << all;
    return static_cast<std::size_t>(std::count(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

TEST(SemtopLooks, FollowWhatALineIsAbout) {
    const screen on = draw(model_of(many_things(), {24, 100}, charset::ascii));
    EXPECT_EQ(on.at(0, 0).look, role::title);
    EXPECT_EQ(on.at(1, 0).look, role::heading);
    EXPECT_EQ(on.at(row_with(on, "torn"), 10).look, role::selected) << "the first row is selected";
    EXPECT_EQ(on.at(row_with(on, "encode"), 0).look, role::plain);
    const std::size_t use = on.text().find("USE") - on.text().find("NAME");
    EXPECT_EQ(on.at(row_with(on, "encode"), use).look, role::busy) << "three of four";
    EXPECT_EQ(on.at(row_with(on, "gpu"), use).look, role::full);
    EXPECT_EQ(on.at(1, use).look, role::sorted_by);
    const screen detail = draw(after(model_of(busy_snapshot(), {24, 100}, charset::ascii), {"Down", "Enter"}));
    EXPECT_EQ(detail.at(row_with(detail, "71198"), 8).look, role::alarm) << "its holder is dead";
    EXPECT_EQ(detail.at(row_with(detail, "71204"), 8).look, role::selected);
    const screen stuck = draw(model_of(deadlock_snapshot(), {24, 100}, charset::ascii));
    EXPECT_EQ(stuck.at(1, 0).look, role::alarm);
}

TEST(SemtopLooks, AreToldWithoutColoursToo) {
    for (const auto what : {role::selected, role::alarm, role::warning, role::sorted_by, role::dialog, role::heading}) {
        const auto plain = look_of(what, semtop::colours::none);
        EXPECT_TRUE(plain.bold || plain.reverse || plain.underline) << static_cast<int>(what);
    }
    for (std::size_t i = 0; i < semtop::roles; ++i) {
        const auto none = look_of(static_cast<role>(i), semtop::colours::none);
        EXPECT_EQ(none.text, -1);
        EXPECT_EQ(none.background, -1);
        const auto few = look_of(static_cast<role>(i), semtop::colours::few);
        EXPECT_LT(few.text, 16);
        EXPECT_LT(few.background, 16);
        EXPECT_LT(look_of(static_cast<role>(i), semtop::colours::many).text, 256);
    }
    EXPECT_NE(look_of(role::calm, semtop::colours::few).text, look_of(role::full, semtop::colours::few).text);
    EXPECT_NE(look_of(role::calm, semtop::colours::many).text, look_of(role::full, semtop::colours::many).text);
}

// Every page at every small size: nothing but printable text in its cells, and nothing outside of the screen.
TEST(SemtopDrawing, FitsIntoAnyTerminal) {
    const std::vector<std::vector<std::string>> ways{{},         {"Enter"},           {"D"}, {"?"},  {"F6"}, {"Enter", "e"},
                                                     {"/", "x"}, {"z", "1", "Enter"}, {"r"}, {"End"}};
    for (const auto& seen :
         {busy_snapshot(), hostile_snapshot(), deadlock_snapshot(), broken_snapshot(), report::snapshot{}}) {
        for (const auto& keys : ways) {
            for (const std::size_t rows : {1, 2, 3, 5, 8, 24}) {
                for (const std::size_t columns : {1, 2, 7, 20, 39, 80, 141}) {
                    for (const auto terminal : {charset::ascii, charset::utf8}) {
                        const std::string text = draw(after(model_of(seen, {rows, columns}, terminal), keys)).text();
                        EXPECT_EQ(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')), rows);
                        for (const char c : text) {
                            const auto byte = static_cast<unsigned char>(c);
                            ASSERT_TRUE(c == '\n' || (byte >= 0x20 && byte != 0x7f)) << int{byte};
                            ASSERT_TRUE(terminal == charset::utf8 || byte < 0x7f) << int{byte};
                        }
                    }
                }
            }
        }
    }
}

TEST(SemtopDrawing, ShowsThousandsOfRowsAndHolders) {
    auto seen = busy_snapshot();
    auto& segment = std::get<segment_snapshot>(seen.segments[0].contents);
    const auto one = segment.semaphores[1];
    for (int i = 0; i < 5'000; ++i) {
        segment.semaphores.push_back(one);
        segment.semaphores.back().name = "s" + std::to_string(i);
        segment.semaphores.back().stats.percent = 1;
    }
    auto& big = segment.semaphores[0];
    const auto holder = big.holders[0];
    big.holders.clear();
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        big.holders.push_back(holder);
        big.holders.back().seat = i;
    }
    model of = model_of(seen, {24, 80});
    EXPECT_THAT(draw(after(of, {"End"})).text(), HasSubstr("jobs/s999 "));
    of = after(of, {"Enter", "Down", "Down", "Down"});
    EXPECT_EQ(of.seat, 3U);
    EXPECT_THAT(draw(after(of, {"End"})).text(), HasSubstr("nobody waits")) << "the end of a long page";
}

TEST(SemtopDrawing, SaysThatGrantingIsPausedAlsoWithoutColours) {
    auto seen = busy_snapshot();
    std::get<segment_snapshot>(seen.segments[0].contents).semaphores[1].paused = true;
    EXPECT_THAT(draw(after(model_of(seen, {24, 80}), {"Down"})).text(), HasSubstr("granting is paused"));
    EXPECT_THAT(draw(after(model_of(seen, {24, 80}), {"Down", "Enter"})).text(), HasSubstr("GRANTING IS PAUSED"));
}

TEST(SemtopDrawing, WideCharactersTakeTwoCells) {
    screen on({1, 5});
    EXPECT_EQ(on.put(0, 0, "\u6c34a"), 3U);
    EXPECT_EQ(on.at(0, 1).text, "");
    on.put(0, 4, "\u6c34");
    EXPECT_EQ(on.text(), "\u6c34a\n") << "half a character is none";
    on.put(0, 1, "b");
    EXPECT_EQ(on.text(), " ba\n");
    on.put(0, 0, "\u6c34");
    on.put(0, 0, "c");
    EXPECT_EQ(on.text(), "c a\n");
}

}  // namespace
}  // namespace shmsem::test
