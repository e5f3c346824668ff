#include "semtop/update.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "report_samples.hpp"
#include "semtop/detail.hpp"
#include "semtop/draw.hpp"
#include "semtop/overview_columns.hpp"
#include "semtop_models.hpp"

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using semtop::action;
using semtop::dialog;
using semtop::effect;
using semtop::model;
using semtop::page;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr semtop::size kScreen{24, 80};
const std::string kGpu = "gpu-shards-in-the-north-west-rack-of-building-7";

model start() { return model_of(busy_snapshot(), kScreen); }

std::vector<std::string> names(const model& of) {
    std::vector<std::string> result;
    for (const auto& row : visible_rows(of))
        result.push_back(row.semaphore == nullptr ? row.sampled->name : row.semaphore->name);
    return result;
}

std::string selected(const model& of) {
    const auto row = selected_row(of);
    return row.semaphore == nullptr ? std::string{} : row.semaphore->name;
}

segment_snapshot& jobs(report::snapshot& seen) { return std::get<segment_snapshot>(seen.segments[0].contents); }

TEST(SemtopUpdate, SortsByTheColumnThatIsChosen) {
    EXPECT_THAT(names(start()), ElementsAre(kGpu, "encode", "items")) << "by use, idle ones hidden";
    EXPECT_THAT(names(after(start(), {"I"})), ElementsAre("items", "encode", kGpu));
    EXPECT_THAT(names(after(start(), {"<"})), ElementsAre("encode", kGpu, "items")) << "by name";
    EXPECT_THAT(names(after(start(), {"<", "I"})), ElementsAre("items", kGpu, "encode"));
    EXPECT_THAT(names(after(start(), {">"})), ElementsAre("encode", kGpu, "items")) << "by permits held";
    EXPECT_THAT(names(after(start(), {"s", "Down", "Down", "Enter"})), ElementsAre("encode", "items", kGpu)) << "by waiters";
    EXPECT_THAT(names(after(start(), {"s", "Down", "Down", "Down", "Enter"})), ElementsAre("items", "encode", kGpu));
    EXPECT_THAT(names(after(start(), {"s", "Down", "Esc"})), ElementsAre(kGpu, "encode", "items")) << "Esc changes nothing";
}

TEST(SemtopUpdate, SortsByRatesToo) {
    model of = start();
    of.sort_by = semtop::column_named("acquires").value();
    EXPECT_EQ(names(of).front(), "encode");
}

TEST(SemtopUpdate, EveryColumnCanBeSortedBy) {
    model of = after(start(), {"a"});
    for (std::size_t i = 0; i < semtop::overview_columns().size(); ++i) {
        of.sort_by = i;
        EXPECT_THAT(names(of), SizeIs(4)) << semtop::overview_columns()[i].id;
    }
}

TEST(SemtopUpdate, FiltersWhileTheTextIsTyped) {
    model of = after(start(), {"/", "E", "n"});
    EXPECT_THAT(names(of), ElementsAre("encode")) << "whatever the case";
    EXPECT_EQ(selected(of), "encode");
    of = after(of, {"BS", "BS", "x", "x"});
    EXPECT_THAT(names(of), IsEmpty());
    EXPECT_THAT(names(after(of, {"Esc"})), SizeIs(3)) << "Esc goes back to no filter";
    of = after(of, {"BS", "BS", "i", "t", "Enter"});
    EXPECT_THAT(names(of), ElementsAre("items"));
    EXPECT_THAT(names(after(of, {"/", "BS", "BS", "Enter"})), SizeIs(3)) << "an empty text lets all through";
    EXPECT_THAT(names(after(of, {"/", "q", "Esc"})), ElementsAre("items")) << "a q that is typed does not quit";
    EXPECT_THAT(names(after(of, {"Esc"})), SizeIs(3));
    EXPECT_EQ(after(start(), {"/", "\u00e9", "\u6c34", "BS"}).filter, "\u00e9") << "backspace takes a whole character";
}

TEST(SemtopUpdate, WhatCannotBeReadIsALineWhateverTheFilter) {
    EXPECT_THAT(names(after(model_of(broken_snapshot(), kScreen), {"/", "z", "Enter"})), ElementsAre("torn"));
}

TEST(SemtopUpdate, IdleSemaphoresAreShownOnRequest) {
    EXPECT_THAT(names(after(start(), {"a"})), SizeIs(4));
    EXPECT_THAT(names(after(start(), {"a", "a"})), SizeIs(3));
}

TEST(SemtopUpdate, TheSelectionStaysWithItsSemaphoreWhenRowsMove) {
    model of = after(start(), {"Down"});
    ASSERT_EQ(selected(of), "encode");
    EXPECT_EQ(selected(after(of, {"I"})), "encode");
    EXPECT_EQ(selected(after(of, {"Down", "Down", "Down"})), "items") << "not beyond the end";
    EXPECT_EQ(selected(after(of, {"k", "k"})), kGpu);
    EXPECT_EQ(selected(after(of, {"j"})), "items");
    EXPECT_EQ(selected(after(of, {"End"})), "items");
    EXPECT_EQ(selected(after(of, {"End", "Home"})), kGpu);
    auto seen = busy_snapshot();
    jobs(seen).semaphores.erase(jobs(seen).semaphores.begin() + 1);
    EXPECT_EQ(selected(receive(of, seen, semtop::history::time_point{2000s})), "items") << "it has gone: the next one";
}

TEST(SemtopUpdate, ScrollsNoFurtherThanItHasTo) {
    auto seen = busy_snapshot();
    const auto one = jobs(seen).semaphores[1];
    for (int i = 100; i < 200; ++i) {
        jobs(seen).semaphores.push_back(one);
        jobs(seen).semaphores.back().name = "s" + std::to_string(i);
    }
    model of = model_of(seen, {10, 80});
    const std::size_t rows = body_of(of).rows;
    ASSERT_EQ(rows, 6U);
    of = after(of, {"Down", "Down"});
    EXPECT_EQ(of.top, 0U);
    of = after(of, {"PgDn"});
    EXPECT_EQ(of.top, 2U) << "two rows down and a page of five";
    of = after(of, {"End"});
    EXPECT_EQ(of.top, 103U - rows);
    of = after(of, {"Up"});
    EXPECT_EQ(of.top, 103U - rows);
    of = after(of, {"Home"});
    EXPECT_EQ(of.top, 0U);
    of = resized(after(of, {"End"}), {40, 80});
    EXPECT_EQ(of.top, 103U - body_of(of).rows) << "a taller terminal is filled";
    EXPECT_EQ(after(resized(resized(of, {1, 1}), {24, 80}), {"Home"}).top, 0U);
}

TEST(SemtopUpdate, EnterShowsTheDetailAndEscGoesBack) {
    model of = after(start(), {"Down", "Enter"});
    EXPECT_EQ(of.shown, page::detail);
    EXPECT_THAT(draw(of).text(), HasSubstr("encode in jobs"));
    EXPECT_EQ(after(of, {"?"}).shown, page::help);
    EXPECT_EQ(after(of, {"?", "Esc"}).shown, page::detail) << "help goes back to where it was asked for";
    EXPECT_EQ(after(of, {"Esc"}).shown, page::overview);
    EXPECT_EQ(after(start(), {"D"}).shown, page::deadlocks);
    EXPECT_EQ(after(start(), {"D", "Esc"}).shown, page::overview);
    EXPECT_EQ(after(model_of(broken_snapshot(), kScreen), {"Down", "Enter"}).shown, page::overview)
        << "no more to see of it";
    EXPECT_THAT(draw(after(model_of(broken_snapshot(), kScreen), {"Enter"})).text(), HasSubstr("create it again"))
        << "what cannot be read has its remedy there, however narrow the overview";
}

TEST(SemtopUpdate, TheDetailOfASemaphoreThatGoesIdleStaysAndOfOneThatGoesSaysSo) {
    model of = after(start(), {"Down", "Enter"});
    auto seen = busy_snapshot();
    auto& encode = jobs(seen).semaphores[1];
    encode.holders.clear();
    encode.waiters.clear();
    encode.stats.acquired = encode.stats.waiting = 0;
    of = receive(of, seen, semtop::history::time_point{2000s});
    EXPECT_THAT(draw(of).text(), HasSubstr("nobody holds a permit"));
    jobs(seen).semaphores.erase(jobs(seen).semaphores.begin() + 1);
    of = receive(of, seen, semtop::history::time_point{2001s});
    EXPECT_THAT(draw(of).text(), HasSubstr("not there any more"));
    EXPECT_EQ(after(of, {"e"}).asking.asks, dialog::kind::none) << "an action must not hit another semaphore";
    EXPECT_EQ(after(of, {"p"}).asking.asks, dialog::kind::none);
    EXPECT_EQ(after(of, {"z"}).asking.asks, dialog::kind::none);
}

TEST(SemtopUpdate, SeatsAreSelectedByTheirNumber) {
    model of = after(start(), {"Down", "Enter", "Down", "Down"});
    EXPECT_EQ(of.seat, 3U) << "seats 0, 1 and 3 are held";
    EXPECT_EQ(after(of, {"Down"}).seat, 3U);
    auto seen = busy_snapshot();
    jobs(seen).semaphores[1].holders.erase(jobs(seen).semaphores[1].holders.begin());
    of = receive(of, seen, semtop::history::time_point{2000s});
    EXPECT_EQ(of.seat, 3U);
    jobs(seen).semaphores[1].holders.clear();
    of = receive(of, seen, semtop::history::time_point{2001s});
    EXPECT_EQ(after(of, {"e"}).asking.asks, dialog::kind::none);
    EXPECT_THAT(after(of, {"e"}).status, HasSubstr("nobody holds"));
}

TEST(SemtopUpdate, AFrozenDisplayKeepsWhatItShows) {
    model of = after(start(), {" "});
    EXPECT_TRUE(of.frozen);
    of = receive(of, report::snapshot{}, semtop::history::time_point{2000s});
    EXPECT_THAT(names(of), SizeIs(3));
    const auto goes_on = update(of, key_of(" "));
    EXPECT_FALSE(goes_on.state.frozen);
    ASSERT_THAT(goes_on.effects, SizeIs(1));
    EXPECT_EQ(goes_on.effects[0].what, effect::kind::sample);
}

TEST(SemtopUpdate, TheDelayIsANumberOfSeconds) {
    EXPECT_EQ(after(start(), {"d", "2", ".", "5", "Enter"}).delay, 2500ms);
    for (const auto& bad : {std::vector<std::string>{"d", "Enter"},
                            {"d", "0", "Enter"},
                            {"d", "x", "Enter"},
                            {"d", "1", "x", "Enter"},
                            {"d", "n", "a", "n", "Enter"},
                            {"d", "1", "e", "9", "Enter"},
                            {"d", "5", "Esc"}}) {
        const model of = after(start(), bad);
        EXPECT_EQ(of.delay, 1s) << bad[1];
        EXPECT_EQ(of.asking.asks, dialog::kind::none);
    }
}

TEST(SemtopUpdate, QuitsOnQ) {
    const auto now = update(start(), key_of("q"));
    ASSERT_THAT(now.effects, SizeIs(1));
    EXPECT_EQ(now.effects[0].what, effect::kind::quit);
}

TEST(SemtopUpdate, EveryActionIsDoneOnlyAfterAYes) {
    const std::vector<std::pair<std::vector<std::string>, action::verb>> ways{
        {{"Down", "r"}, action::verb::reap},
        {{"Down", "p"}, action::verb::pause},
        {{"Down", "z", "6", "Enter"}, action::verb::resize},
        {{"Down", "Enter", "Down", "e"}, action::verb::end}};
    for (const auto& [keys, verb] : ways) {
        const model asked = after(start(), keys);
        ASSERT_EQ(asked.asking.asks, dialog::kind::confirm);
        for (const char* no : {"n", "Esc", "x", "Enter", " ", "q"}) {
            EXPECT_THAT(update(asked, key_of(no)).effects, IsEmpty()) << no;
        }
        EXPECT_EQ(after(asked, {"Enter"}).asking.asks, dialog::kind::confirm) << "Enter is no answer";
        const auto now = update(asked, key_of("y"));
        ASSERT_THAT(now.effects, SizeIs(1));
        EXPECT_EQ(now.effects[0].what, effect::kind::act);
        EXPECT_EQ(now.effects[0].then.what, verb);
        EXPECT_EQ(now.effects[0].then.segment, "jobs");
        EXPECT_EQ(now.effects[0].then.segment_id, 0x0123456789abcdefU);
        EXPECT_EQ(now.state.asking.asks, dialog::kind::none);
    }
}

TEST(SemtopUpdate, ALeaseIsEndedByItsTokenAsItWasWhenTheQuestionWasAsked) {
    model asked = after(start(), {"Down", "Enter", "Down", "e"});
    EXPECT_THAT(draw(asked).text(), HasSubstr("End the lease of worker 71198 on seat 1"));
    auto seen = busy_snapshot();
    jobs(seen).semaphores[1].holders[1].token = 99'999;
    asked = receive(asked, seen, semtop::history::time_point{2000s});
    const auto now = update(asked, key_of("y"));
    ASSERT_THAT(now.effects, SizeIs(1));
    EXPECT_EQ(now.effects[0].then.seat, 1U);
    EXPECT_EQ(now.effects[0].then.token, 40'770U) << "a later lease of that seat is left alone";
}

TEST(SemtopUpdate, APausedSemaphoreIsResumed) {
    auto seen = busy_snapshot();
    jobs(seen).semaphores[1].paused = true;
    const auto now = update(after(model_of(seen, kScreen), {"Down", "p"}), key_of("y"));
    ASSERT_THAT(now.effects, SizeIs(1));
    EXPECT_EQ(now.effects[0].then.what, action::verb::resume);
}

TEST(SemtopUpdate, WhatMakesNoSenseIsSaidInTheStatusLine) {
    EXPECT_THAT(after(start(), {"e"}).status, HasSubstr("press Enter"));
    EXPECT_THAT(after(start(), {"Down", "Down", "z"}).status, HasSubstr("ownerless"));
    EXPECT_THAT(after(start(), {"Down", "z", "0", "Enter"}).status, HasSubstr("at least 1"));
    EXPECT_THAT(after(start(), {"Down", "z", "Enter"}).status, HasSubstr("nothing was changed"));
    EXPECT_THAT(after(start(), {"e", "Down"}).status, "") << "until the next key";
    EXPECT_NE(after(model_of(report::snapshot{}, kScreen), {"p"}).status, "");
    EXPECT_NE(after(model_of(report::snapshot{}, kScreen), {"r"}).status, "");
}

TEST(SemtopUpdate, AClickSelectsARowOrAColumn) {
    model of = start();
    semtop::key click{.what = semtop::key::code::click, .text = {}, .row = 3, .column = 5};
    EXPECT_EQ(selected(update(of, click).state), "encode");
    click.row = 1;
    click.column = 0;
    EXPECT_EQ(update(of, click).state.sort_by, semtop::column_named("name"));
    click.row = 20;
    EXPECT_EQ(selected(update(of, click).state), kGpu) << "nothing is there";
}

TEST(SemtopUpdate, NoKeyDoesHarmAnywhere) {
    const std::vector<std::string> all{
        "Enter", "Esc", "Up", "Down", "PgUp", "PgDn", "Home", "End", "BS", "F6", "Wheel", "q", "k", "j", "g", "G", "?",
        "D",     "/",   "<",  ">",    "s",    "I",    "a",    " ",   "d",  "r",  "e",     "z", "p", "y", "n", "1", "\u6c34"};
    for (const auto& seen :
         {busy_snapshot(), hostile_snapshot(), deadlock_snapshot(), broken_snapshot(), report::snapshot{}}) {
        model of = model_of(seen, {7, 50});
        std::uint32_t random = 1;
        for (int i = 0; i < 20'000; ++i) {
            random = random * 1'664'525U + 1'013'904'223U;
            of = update(std::move(of), key_of(all[(random >> 8) % all.size()])).state;
            if (i % 50 == 0) (void)draw(of);
        }
    }
}

}  // namespace
}  // namespace shmsem::test
