#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace shmsem::test {
namespace {

/// The lines between each line `begin` and the next line `end`, without the indentation of their first.
std::vector<std::string> blocks_of(const std::filesystem::path& path, const std::string& begin, const std::string& end) {
    std::ifstream file(path);
    EXPECT_TRUE(file) << path;
    std::vector<std::string> blocks;
    bool inside = false;
    std::size_t indentation = 0;
    for (std::string line; std::getline(file, line);) {
        const std::size_t blanks = line.find_first_not_of(' ');
        const std::string text = blanks == std::string::npos ? std::string{} : line.substr(blanks);
        if (!inside && text == begin) {
            inside = true;
            blocks.emplace_back();
        } else if (inside && text == end) {
            inside = false;
        } else if (inside) {
            if (blocks.back().empty()) indentation = blanks;
            blocks.back() += (line.size() > indentation ? line.substr(indentation) : std::string{}) + '\n';
        }
    }
    return blocks;
}

TEST(Readme, HasTheExamplesThatAreCompiled) {
    const auto here = std::filesystem::path(__FILE__).parent_path();
    auto printed = blocks_of(here / "../../README.md", "```cpp", "```");
    ASSERT_GT(printed.size(), 1U);
    printed.erase(printed.begin());  // the first program has a test of its own
    const auto compiled = blocks_of(here / "readme_examples.cpp", "// README", "// end");
    ASSERT_EQ(printed.size(), compiled.size());
    for (std::size_t i = 0; i < printed.size(); ++i) EXPECT_EQ(printed[i], compiled[i]) << "example " << i + 1;
}

}  // namespace
}  // namespace shmsem::test
