#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "semrun/options.hpp"
#include "semrun/values.hpp"
#include "support/shmsem_test.hpp"

// What the arguments mean, and that what documents them leaves none out. No process is started.

namespace shmsem::semrun {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

options good(const std::vector<std::string>& arguments) {
    auto parsed = parse(arguments, "default");
    if (const auto* instead = std::get_if<notice>(&parsed)) {
        ADD_FAILURE() << instead->text;
        return {};
    }
    return std::get<options>(parsed);
}

std::string bad(const std::vector<std::string>& arguments) {
    const auto parsed = parse(arguments, "default");
    const auto* instead = std::get_if<notice>(&parsed);
    if (instead == nullptr) return "accepted";
    EXPECT_EQ(instead->status, exit_usage);
    EXPECT_THAT(instead->text, HasSubstr("--help"));
    return instead->text;
}

TEST(SemrunOptions, StandBeforeAndAfterTheNameUpToTheCommand) {
    const options o = good({"-n", "4", "encode", "--each", "-j2", "--", "convert", "{}", "-n", "--verbose"});
    EXPECT_EQ(o.semaphore, "encode");
    EXPECT_EQ(o.permits, 4);
    EXPECT_EQ(o.jobs, 2U);
    EXPECT_TRUE(o.each);
    EXPECT_FALSE(o.verbose) << "that one is the command's";
    EXPECT_THAT(o.command, ElementsAre("convert", "{}", "-n", "--verbose"));
}

TEST(SemrunOptions, TheCommandBeginsAtTheFirstWordAfterTheNameAndKeepsItsOptions) {
    EXPECT_THAT(good({"build", "make", "-j4", "--", "all"}).command, ElementsAre("make", "-j4", "--", "all"));
    const options o = good({"--", "-odd", "true"});
    EXPECT_EQ(o.semaphore, "-odd");
    EXPECT_THAT(o.command, ElementsAre("true"));
}

TEST(SemrunOptions, CanBeJoinedToTheirValuesAndToEachOther) {
    const options o = good({"-vn3", "--ttl=1.5", "-E7", "-w", "2m", "--lost=warn", "x", "true"});
    EXPECT_TRUE(o.verbose);
    EXPECT_EQ(o.permits, 3);
    EXPECT_EQ(o.ttl, 1500ms);
    EXPECT_EQ(o.conflict_status, 7);
    EXPECT_EQ(o.timeout, duration{2min});
    EXPECT_EQ(o.lost, on_loss::warn);
}

TEST(SemrunOptions, HaveTheDocumentedDefaults) {
    const options o = good({"x", "true"});
    EXPECT_EQ(o.segment, "default");
    EXPECT_FALSE(o.permits);
    EXPECT_FALSE(o.timeout);
    EXPECT_EQ(o.conflict_status, 1);
    EXPECT_EQ(o.weight, 1);
    EXPECT_EQ(o.lost, on_loss::kill);
    EXPECT_EQ(o.grace, duration{10s});
    EXPECT_EQ(o.halt, halting::never);
}

TEST(SemrunOptions, DurationsAreThoseOfSleepAndMilliseconds) {
    EXPECT_EQ(duration_of("10"), duration{10s});
    EXPECT_EQ(duration_of("0"), duration{0});
    EXPECT_EQ(duration_of("0.25s"), duration{250ms});
    EXPECT_EQ(duration_of("250ms"), duration{250ms});
    EXPECT_EQ(duration_of("8h"), duration{8h});
    EXPECT_EQ(duration_of("3d"), duration{72h});
    EXPECT_EQ(duration_of("forever"), forever);
    EXPECT_EQ(duration_of("1000000d"), forever);
    for (const char* text : {"", "s", "-1", "-0", "1x", "1 s", "1e3", "nan", "inf", "0x10", "+1", "1.5.2"}) {
        EXPECT_FALSE(duration_of(text)) << text;
    }
}

TEST(SemrunOptions, WrongOnesAreNamedWithWhatWouldBeRight) {
    EXPECT_THAT(bad({}), HasSubstr("no semaphore is named"));
    EXPECT_THAT(bad({"make"}), HasSubstr("no command to run with semaphore \"make\""));
    EXPECT_THAT(bad({"make", "--"}), HasSubstr("no command"));
    EXPECT_THAT(bad({"--frobnicate", "x", "true"}), HasSubstr("there is no option --frobnicate"));
    EXPECT_THAT(bad({"-Z", "x", "true"}), HasSubstr("there is no option -Z"));
    EXPECT_THAT(bad({"x", "-n"}), HasSubstr("--permits needs a number from 1"));
    for (const char* number : {"0", "-1", "x", "", "1x", "99999999999999999999"}) {
        EXPECT_THAT(bad({"-n", number, "x", "true"}), HasSubstr("--permits needs a number from 1, not"));
    }
    EXPECT_THAT(bad({"-E", "256", "x", "true"}), HasSubstr("0 to 255"));
    EXPECT_THAT(bad({"--ttl", "0", "x", "true"}), HasSubstr("--ttl needs a time"));
    EXPECT_THAT(bad({"--lost", "maybe", "x", "true"}), HasSubstr("kill or warn"));
    EXPECT_THAT(bad({"--halt", "later", "x", "true"}), HasSubstr("never, soon or now"));
    EXPECT_THAT(bad({"--share", "world", "x", "true"}), HasSubstr("owner, group or everyone"));
    EXPECT_THAT(bad({"--seat-env", "A=B", "x", "true"}), HasSubstr("environment variable"));
    EXPECT_THAT(bad({"--verbose=1", "x", "true"}), HasSubstr("takes no value"));
}

TEST(SemrunOptions, ThatContradictEachOtherAreRefused) {
    EXPECT_THAT(bad({"-n", "2", "--weight", "3", "x", "true"}), HasSubstr("more than the 2 of --permits"));
    EXPECT_THAT(bad({"--resize", "x", "true"}), HasSubstr("--resize needs --permits"));
    EXPECT_THAT(bad({"-j", "2", "x", "true"}), HasSubstr("are for --each"));
    EXPECT_THAT(bad({"--each", "--nonblock", "x", "true"}), HasSubstr("--nonblock is not for --each"));
}

TEST(SemrunOptions, HelpHasExamplesAndExitCodesAndEndsWell) {
    const auto parsed = parse({"-v", "--help"}, "default");
    const auto& help = std::get<notice>(parsed);
    EXPECT_EQ(help.status, exit_ok);
    EXPECT_THAT(help.text, HasSubstr("Examples:\n"));
    EXPECT_THAT(help.text, HasSubstr("Exit status:\n"));
}

// ---- documents, found beside this file

std::string document(const std::string& name) {
    const auto tools = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path() / "tools";
    std::ifstream file(tools / name);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST(SemrunOptions, AreAllInTheHelpTheManPageAndTheCompletions) {
    const std::string help = std::get<notice>(parse({"--help"}, "default")).text;
    const std::string bash = document("completions/semrun.bash");
    const std::string zsh = document("completions/_semrun");
    std::string man = document("man/semrun.1");
    man.erase(std::remove(man.begin(), man.end(), '\\'), man.end());  // hyphens that are minus signs are written "\\-"
    for (const std::string& option : option_names()) {
        EXPECT_THAT(help, HasSubstr(option));
        EXPECT_THAT(bash, HasSubstr(option));
        EXPECT_THAT(zsh, HasSubstr(option));
        EXPECT_THAT(man, HasSubstr("Fl -" + option.substr(2)));
    }
}

}  // namespace
}  // namespace shmsem::semrun
