#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "run_tool.hpp"
#include "shmsem/segment.hpp"
#include "support/shmsem_test.hpp"

// What a program's --help names is in its man page and in its completions, and those work in a real man, bash and zsh.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

const std::string tests = std::filesystem::path(__FILE__).parent_path();
const std::string tools = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path() / "tools";

bool is_built(const std::string& program) { return ::access((SHMSEM_BIN_DIR "/" + program).c_str(), X_OK) == 0; }
bool is_installed(const std::string& program) { return std::system(("command -v " + program + " >/dev/null").c_str()) == 0; }

// So that a completion asks the programs under test.
void find_tools_first() {
    const char* path = std::getenv("PATH");
    ::setenv("PATH", (SHMSEM_BIN_DIR ":" + std::string(path != nullptr ? path : "/usr/bin:/bin")).c_str(), 1);
}

tool_result installed(const std::string& program, const std::vector<std::string>& arguments) {
    return run_program(program, arguments, find_tools_first);
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

// A command of a program, "" standing for the program itself, with its long options.
struct command {
    std::string name;
    std::set<std::string> options;
};

// Long options are those at the beginning of an indented line, where a help lists them; the examples begin with the program.
std::set<std::string> options_in(const std::string& help) {
    static const std::regex item("^ {2,8}(-[A-Za-z0-9], ?)?(--[a-z][a-z-]*).*");
    std::set<std::string> found;
    for (const auto& line : lines_of(help)) {
        std::smatch match;
        if (std::regex_match(line, match, item)) found.insert(match[2]);
    }
    return found;
}

std::vector<command> commands_of(const std::string& program) {
    const auto help = run_tool(program, {"--help"});
    EXPECT_EQ(help.status, 0);
    std::vector<command> all{{"", options_in(help.out)}};
    bool listed = false;
    for (const auto& line : lines_of(help.out)) {
        if (line == "Subcommands:") {
            listed = true;
        } else if (line.empty()) {
            listed = false;
        } else if (listed && line.starts_with("  ") && line[2] != ' ') {
            const std::string name = line.substr(2, line.find(' ', 2) - 2);
            all.push_back({name, options_in(run_tool(program, {name, "--help"}).out)});
        }
    }
    return all;
}

class Documentation : public ::testing::TestWithParam<const char*> {
   protected:
    void SetUp() override {
        if (!is_built(program)) GTEST_SKIP() << program << " is not built";
    }

    watchdog guard{240s};
    const std::string program = GetParam();
    const std::string page = tools + "/man/" + program + ".1";
    const std::string bash_file = tools + "/completions/" + program + ".bash";
    const std::string zsh_file = tools + "/completions/_" + program;
};

INSTANTIATE_TEST_SUITE_P(Of, Documentation, ::testing::Values("semctl", "semtop", "semrun"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST_P(Documentation, HelpHasExamplesAndExitCodes) {
    const auto help = run_tool(program, {"--help"}).out;
    EXPECT_THAT(help, HasSubstr("Examples:"));
    EXPECT_THAT(help, HasSubstr("Exit status:"));
    EXPECT_THAT(options_in(help), Contains("--help"));
}

TEST_P(Documentation, TheManPageIsFreeOfMistakes) {
    if (!is_installed("mandoc")) GTEST_SKIP() << "no mandoc";
    const auto lint = installed("mandoc", {"-T", "lint", "-W", "warning", page});
    EXPECT_EQ(lint.status, 0);
    EXPECT_EQ(lint.out, "");
}

TEST_P(Documentation, TheManPageHasEveryCommandAndOption) {
    if (!is_installed("mandoc")) GTEST_SKIP() << "no mandoc";
    // Bold is a letter, a backspace and the letter again.
    const std::string text = std::regex_replace(installed("mandoc", {"-T", "ascii", page}).out, std::regex(".\b"), "");
    for (const auto& [name, options] : commands_of(program)) {
        EXPECT_THAT(text, HasSubstr(name));
        for (const auto& option : options) {
            EXPECT_TRUE(std::regex_search(text, std::regex(option + "([^a-z-]|$)")))
                << program << ' ' << name << ' ' << option;
        }
    }
    for (const char* section : {"NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES"})
        EXPECT_THAT(text, HasSubstr(section));
}

// What bash offers when Tab is pressed after these words, the last of which is being typed.
std::vector<std::string> bash_offers(const std::string& file, const std::string& program, std::vector<std::string> words) {
    static const std::string script = R"(
        source "$1" || exit
        shift
        function=$(complete -p "$1" | sed 's/.*-F \([^ ]*\).*/\1/')
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
        "$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}")";
    std::vector<std::string> arguments{"--norc", "-c", script, "bash", file, program};
    arguments.insert(arguments.end(), words.begin(), words.end());
    const auto result = installed("bash", arguments);
    EXPECT_EQ(result.err, "");
    auto offers = lines_of(result.out);
    std::erase(offers, "");
    for (auto& offer : offers) offer.erase(offer.find_last_not_of(' ') + 1);
    return offers;
}

TEST_P(Documentation, BashCompletesEveryCommandAndOption) {
    if (!is_installed("bash")) GTEST_SKIP() << "no bash";
    for (const auto& [name, options] : commands_of(program)) {
        std::vector<std::string> words;
        if (!name.empty()) {
            EXPECT_THAT(bash_offers(bash_file, program, {name.substr(0, 2)}), Contains(name));
            words.push_back(name);
        }
        words.push_back("--");
        EXPECT_THAT(bash_offers(bash_file, program, words), IsSupersetOf(options)) << program << ' ' << name;
    }
}

// The same of zsh, on a terminal of its own, after a whole line.
std::vector<std::string> zsh_offers(const std::string& line) {
    const auto result = installed("zsh", {"-f", tests + "/complete.zsh", tools + "/completions", line});
    EXPECT_EQ(result.err, "");
    return lines_of(result.out);
}

TEST_P(Documentation, ZshCompletesEveryCommandAndOption) {
    if (!is_installed("zsh")) GTEST_SKIP() << "no zsh";
    EXPECT_EQ(installed("zsh", {"-n", zsh_file}).status, 0);
    for (const auto& [name, options] : commands_of(program)) {
        if (!name.empty()) {
            EXPECT_THAT(zsh_offers(program + ' ' + name.substr(0, 2)), Contains(name));
        }
        EXPECT_THAT(zsh_offers(program + ' ' + name + (name.empty() ? "--" : " --")), IsSupersetOf(options))
            << program << ' ' << name;
    }
}

class SemctlCompletion : public WithSegment {
   protected:
    void SetUp() override {
        if (!is_built("semctl")) GTEST_SKIP() << "semctl is not built";
        (void)home->semaphore("gpu");
        (void)home->semaphore("a 'b");
        gpu = home->find("gpu").acquire();
    }

    const std::string bash_file = tools + "/completions/semctl.bash";
    lease gpu;
};

TEST_F(SemctlCompletion, OffersSegmentsSemaphoresAndSeatsInBash) {
    const auto offers = [&](std::vector<std::string> words) { return bash_offers(bash_file, "semctl", std::move(words)); };
    const std::string seat = std::to_string(gpu.seat());
    EXPECT_THAT(offers({"show", home.name().substr(0, home.name().size() - 1)}), Contains(home.name()));
    EXPECT_THAT(offers({"show", home.name(), ""}), ::testing::UnorderedElementsAre("gpu", "a\\ \\'b"));
    EXPECT_THAT(offers({"-q", "pause", home.name(), "g"}), ::testing::ElementsAre("gpu"));
    EXPECT_THAT(offers({"end", home.name(), "gpu", ""}), ::testing::ElementsAre(seat));
    EXPECT_THAT(offers({"end", "--token", "3", home.name(), "gpu", ""}), ::testing::ElementsAre(seat));
    EXPECT_THAT(offers({"create", home.name(), "new", "--order", "f"}), ::testing::ElementsAre("fifo"));
    EXPECT_THAT(offers({"create", home.name(), "new", "--order", "=", "f"}), ::testing::ElementsAre("fifo"));
    EXPECT_THAT(offers({"show", "no-such-segment", ""}), IsEmpty());
}

TEST_F(SemctlCompletion, OffersSegmentsSemaphoresAndSeatsInZsh) {
    if (!is_installed("zsh")) GTEST_SKIP() << "no zsh";
    EXPECT_THAT(zsh_offers("semctl show " + home.name().substr(0, home.name().size() - 1)), Contains(home.name()));
    EXPECT_THAT(zsh_offers("semctl show " + home.name() + " g"), ::testing::ElementsAre("gpu"));
    EXPECT_THAT(zsh_offers("semctl end " + home.name() + " gpu "), ::testing::ElementsAre(std::to_string(gpu.seat())));
    EXPECT_THAT(zsh_offers("semctl create x y --mode g"), ::testing::ElementsAre("group"));
}

}  // namespace
}  // namespace shmsem::test
