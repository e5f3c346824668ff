#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "run_tool.hpp"
#include "semtop/overview_columns.hpp"

// The manual page and the completions know what the program knows.

namespace shmsem::test {
namespace {

std::string text_of(const std::string& file) {
    std::ifstream in(std::filesystem::path(__FILE__).parent_path() / "../../tools" / file);
    EXPECT_TRUE(in) << file;
    return {std::istreambuf_iterator<char>(in), {}};
}

std::set<std::string> long_options() {
    const std::string help = run_tool("semtop", {"--help"}).out;
    const std::string options = help.substr(0, help.find("Without --once"));
    const std::regex option("--([a-z]+)");
    std::set<std::string> result;
    for (std::sregex_iterator at(options.begin(), options.end(), option), end; at != end; ++at) result.insert((*at)[1]);
    return result;
}

TEST(SemtopDocs, TheManualPageHasEveryOptionAndColumn) {
    const std::string page = text_of("man/semtop.1");
    ASSERT_GE(long_options().size(), 14U);
    for (const auto& option : long_options()) EXPECT_NE(page.find("Fl Fl " + option), std::string::npos) << option;
    for (const auto& column : semtop::overview_columns()) EXPECT_NE(page.find(column.id), std::string::npos) << column.id;
}

TEST(SemtopDocs, TheCompletionsHaveEveryOptionAndColumn) {
    for (const char* file : {"completions/semtop.bash", "completions/_semtop"}) {
        const std::string text = text_of(file);
        for (const auto& option : long_options())
            EXPECT_NE(text.find("--" + option), std::string::npos) << file << ' ' << option;
        for (const auto& column : semtop::overview_columns())
            EXPECT_NE(text.find(column.id), std::string::npos) << column.id;
    }
}

}  // namespace
}  // namespace shmsem::test
