#include "report/csv.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "report_samples.hpp"

namespace shmsem::test {
namespace {

using report::charset;
using report::csv_header;
using report::csv_rows;
using rows = std::vector<std::vector<std::string>>;

// RFC 4180 with '\n': what is not quoted has no quote in it, and after a closing quote the cell ends.
rows parsed(const std::string& text) {
    rows result;
    bool in_row = false;
    for (std::size_t i = 0; i < text.size();) {
        if (!in_row) result.emplace_back();
        std::string cell;
        if (text[i] == '"') {
            for (++i; i < text.size(); ++i) {
                if (text[i] == '"' && (i + 1 == text.size() || text[i + 1] != '"')) break;
                if (text[i] == '"') ++i;
                cell += text[i];
            }
            ++i;
        } else {
            while (i < text.size() && text[i] != ',' && text[i] != '\n') cell += text[i++];
            EXPECT_EQ(cell.find('"'), std::string::npos) << cell;
        }
        EXPECT_LT(i, text.size()) << "the last line does not end";
        EXPECT_TRUE(i >= text.size() || text[i] == ',' || text[i] == '\n') << "text after a closing quote";
        in_row = i < text.size() && text[i] == ',';
        ++i;
        result.back().push_back(cell);
    }
    return result;
}

rows table_of(const report::snapshot& what) {
    auto result = parsed(csv_header() + csv_rows(what, charset::utf8));
    for (const auto& row : result) EXPECT_EQ(row.size(), result[0].size());
    return result;
}

std::string cell(const rows& table, std::size_t row, const std::string& title) {
    for (std::size_t i = 0; i < table[0].size(); ++i) {
        if (table[0][i] == title) return table.at(row).at(i);
    }
    ADD_FAILURE() << "no column " << title;
    return {};
}

TEST(Csv, HasALineForEachSemaphore) {
    const auto table = table_of(busy_snapshot());
    ASSERT_EQ(table.size(), 5U) << "idle ones too";
    EXPECT_EQ(cell(table, 2, "taken"), "1700000000.000");
    EXPECT_EQ(cell(table, 2, "segment"), "jobs");
    EXPECT_EQ(cell(table, 2, "semaphore"), "encode");
    EXPECT_EQ(cell(table, 2, "error"), "");
    EXPECT_EQ(cell(table, 2, "held"), "3");
    EXPECT_EQ(cell(table, 2, "capacity"), "4");
    EXPECT_EQ(cell(table, 2, "oldest_wait_seconds"), "1.52");
    EXPECT_EQ(cell(table, 2, "wait_p99_seconds"), "2.097152");
    EXPECT_EQ(cell(table, 4, "oldest_wait_seconds"), "") << "nobody waits";
}

TEST(Csv, ASegmentWithoutSemaphoresIsALineToo) {
    const auto table = table_of(broken_snapshot());
    ASSERT_EQ(table.size(), 3U);
    EXPECT_EQ(cell(table, 1, "segment"), "quiet");
    EXPECT_EQ(cell(table, 1, "error"), "");
    EXPECT_EQ(cell(table, 2, "segment"), "torn");
    EXPECT_EQ(cell(table, 2, "error"), "segment_truncated");
    EXPECT_EQ(cell(table, 2, "held"), "");
}

TEST(Csv, IsWellFormedWhateverProcessesWrote) {
    auto hostile = hostile_snapshot();
    auto& semaphore = std::get<segment_snapshot>(hostile.segments[0].contents).semaphores[0];
    for (const std::string name : {"a,b", "say \"a\"", "\"", "two\nlines", " padded ", ",\",\n,"}) {
        semaphore.name = name;
        const auto table = table_of(hostile);
        ASSERT_EQ(table.size(), 3U) << name;
        EXPECT_EQ(cell(table, 1, "semaphore"), report::printable(name, charset::utf8));
    }
}

TEST(Csv, HasTheDocumentedColumns) {
    const auto header = parsed(csv_header())[0];
    EXPECT_EQ(std::set<std::string>(header.begin(), header.end()), documented_in_readme("| column `"));
}

}  // namespace
}  // namespace shmsem::test
