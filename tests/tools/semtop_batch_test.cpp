#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "run_tool.hpp"
#include "shmsem/shmsem.hpp"
#include "support/shmsem_test.hpp"

// What the real program prints when nobody looks on.

namespace shmsem::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

class SemtopBatch : public WithSegment {
   protected:
    SemtopBatch() {
        (void)home->semaphore("encode", {.permits = 2});
        (void)home->semaphore("upload", {.permits = 3});
    }
    tool_result semtop(std::vector<std::string> arguments) {
        arguments.push_back(home.name());
        return run_tool("semtop", arguments);
    }
};

TEST_F(SemtopBatch, CsvIsAHeaderAndALineForEachSemaphore) {
    const auto result = semtop({"--csv"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.out, StartsWith("taken,segment,error,semaphore,"));
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 3);
}

TEST_F(SemtopBatch, PrometheusIsAnExposition) {
    const auto result = semtop({"--prometheus"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("\nshmsem_permits{segment=\"" + home.name() + "\",semaphore=\"upload\"} 3\n"));
}

TEST_F(SemtopBatch, TheFilterHoldsForEveryFormat) {
    EXPECT_THAT(semtop({"--csv", "--filter", "UPL"}).out, Not(HasSubstr("encode")));
    EXPECT_THAT(semtop({"--prometheus", "--filter", "UPL"}).out, Not(HasSubstr("encode")));
    EXPECT_THAT(semtop({"--once", "--all", "--filter", "UPL"}).out, Not(HasSubstr("encode")));
    const auto seen = json::parse(semtop({"--json", "--filter", "UPL"}).out);
    ASSERT_EQ(seen["segments"][0]["semaphores"].size(), 1U);
    EXPECT_EQ(seen["segments"][0]["semaphores"][0]["name"], "upload");
}

TEST_F(SemtopBatch, SortsByAColumn) {
    const auto names = [&](const char* column) {
        const auto seen = json::parse(semtop({"--json", "--sort", column}).out);
        const auto& semaphores = seen["segments"][0]["semaphores"];
        return semaphores[0]["name"].get<std::string>() + ' ' + semaphores[1]["name"].get<std::string>();
    };
    EXPECT_EQ(names("name"), "encode upload");
    auto upload = home->find("upload");
    const lease mine = upload.acquire();
    EXPECT_EQ(names("held"), "upload encode");
}

TEST_F(SemtopBatch, WhatCannotBeIsAUsageError) {
    for (const std::vector<std::string>& bad : std::vector<std::vector<std::string>>{{"--csv", "--json"},
                                                                                     {"--prometheus", "--once"},
                                                                                     {"--watch", "0"},
                                                                                     {"--watch", "x"},
                                                                                     {"--delay", "-1"},
                                                                                     {"--color", "8"},
                                                                                     {"--sort", "beauty"}}) {
        EXPECT_EQ(semtop(bad).status, 2) << bad[0];
    }
}

TEST_F(SemtopBatch, WatchPrintsJsonAsOneDocumentALineUntilItIsEnded) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    auto program = fork_child([&] {
        ::dup2(ends[1], STDOUT_FILENO);
        ::execl(path_of_tool("semtop").c_str(), "semtop", "--json", "--watch", "0.1", home.name().c_str(), nullptr);
    });
    ::close(ends[1]);
    std::FILE* lines = ::fdopen(ends[0], "r");
    char* line = nullptr;
    std::size_t room = 0;
    for (int i = 0; i < 3; ++i) {
        ASSERT_GT(::getline(&line, &room, lines), 0);
        EXPECT_EQ(json::parse(line)["segments"][0]["name"], home.name());
    }
    std::free(line);
    program.kill();
    std::fclose(lines);
}

TEST_F(SemtopBatch, WatchGivesTheHeaderOfCsvOnce) {
    const auto result =
        run_program("timeout", {"-s", "INT", "5", path_of_tool("semtop"), "--csv", "--watch", "0.1", home.name()});
    EXPECT_THAT(result.out, StartsWith("taken,"));
    EXPECT_EQ(result.out.find("taken,", 1), std::string::npos);
}

}  // namespace
}  // namespace shmsem::test
