#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "semabench/runner.hpp"
#include "semabench/statistics.hpp"
#include "support/shmsem_test.hpp"

// Runs the program itself. No figure is judged: that it measures well is seen in its report, here only that it measures.

namespace shmsem::test {

namespace {

using nlohmann::json;

/// A semabench in a process group of its own, so that what it leaves running can be seen.
class running_semabench {
   public:
    explicit running_semabench(std::vector<std::string> arguments)
        : out_(memfd_create("out", MFD_CLOEXEC)), err_(memfd_create("err", MFD_CLOEXEC)) {
        const std::string program = std::string(SHMSEM_BIN_DIR) + "/semabench";
        arguments.insert(arguments.begin(), program);
        std::vector<char*> argv;
        for (auto& one : arguments) argv.push_back(one.data());
        argv.push_back(nullptr);

        posix_spawn_file_actions_t files;
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_adddup2(&files, out_, STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&files, err_, STDERR_FILENO);
        posix_spawnattr_t attributes;
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
        posix_spawnattr_setpgroup(&attributes, 0);
        const int error = posix_spawn(&pid_, program.c_str(), &files, &attributes, argv.data(), ::environ);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&files);
        if (error != 0) throw std::system_error(error, std::generic_category(), program);
    }
    ~running_semabench() {
        if (!ended_) {
            ::kill(-pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
        ::close(out_);
        ::close(err_);
    }
    running_semabench(const running_semabench&) = delete;
    running_semabench& operator=(const running_semabench&) = delete;

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    void interrupt() const { ::kill(pid_, SIGINT); }

    int wait() {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        ended_ = true;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    [[nodiscard]] std::string out() const { return contents(out_); }
    [[nodiscard]] std::string err() const { return contents(err_); }

   private:
    static std::string contents(int fd) {
        struct stat about {};
        fstat(fd, &about);
        std::string text(static_cast<std::size_t>(about.st_size), '\0');
        const auto got = pread(fd, text.data(), text.size(), 0);
        text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return text;
    }

    int out_;
    int err_;
    pid_t pid_ = 0;
    bool ended_ = false;
};

/// Files of the run with that process id: segments, named semaphores, files to lock.
std::vector<std::string> files_of(pid_t pid) {
    const std::string mark = "semabench." + std::to_string(pid) + ".";
    std::vector<std::string> found;
    for (const auto& directory : {std::filesystem::path("/dev/shm"), std::filesystem::temp_directory_path()}) {
        for (const auto& entry : std::filesystem::directory_iterator(directory)) {
            const std::string name = entry.path().filename();
            if (name.find(mark) != std::string::npos) found.push_back(entry.path());
        }
    }
    return found;
}

bool has_sysv_set(pid_t pid) { return semget(static_cast<key_t>(('S' << 24) | (pid & 0xffffff)), 0, 0) >= 0; }

void expect_nothing_left_by(pid_t pid) {
    EXPECT_EQ(files_of(pid), std::vector<std::string>{});
    EXPECT_FALSE(has_sysv_set(pid));
    EXPECT_TRUE(eventually([&] { return ::kill(-pid, 0) != 0 && errno == ESRCH; })) << "a child process is left";
}

void expect_spread(const json& values) {
    for (const char* key : {"median", "min", "q1", "q3", "max"}) {
        ASSERT_TRUE(values.contains(key)) << key;
        ASSERT_TRUE(values[key].is_number()) << key;
    }
    EXPECT_LE(values["min"], values["q1"]);
    EXPECT_LE(values["q1"], values["median"]);
    EXPECT_LE(values["median"], values["q3"]);
    EXPECT_LE(values["q3"], values["max"]);
}

void expect_result(const json& result, std::size_t rounds) {
    SCOPED_TRACE(result.dump());
    for (const char* key : {"benchmark", "question", "measure", "unit", "better"}) {
        ASSERT_TRUE(result.contains(key)) << key;
        EXPECT_TRUE(result[key].is_string()) << key;
    }
    EXPECT_TRUE(result["better"] == "lower" || result["better"] == "higher");
    for (const char* side : {"ours", "peer"}) {
        ASSERT_TRUE(result.contains(side)) << side;
        expect_spread(result[side]);
        EXPECT_TRUE(result[side].value("name", json{}).is_string());
        ASSERT_TRUE(result[side].value("samples", json{}).is_array());
        EXPECT_EQ(result[side]["samples"].size(), rounds);
    }
    ASSERT_TRUE(result.contains("ratio"));
    expect_spread(result["ratio"]);
    for (const char* key : {"target", "met", "miss"}) ASSERT_TRUE(result.contains(key)) << key;
    EXPECT_EQ(result["target"].is_null(), result["met"].is_null());
    EXPECT_EQ(result["target"].is_null(), result["miss"].is_null());
}

const char* const families[] = {"uncontended", "disjoint", "many-permits", "handoff", "contended", "death"};

class SemabenchFamily : public ::testing::TestWithParam<const char*> {};

}  // namespace

TEST_P(SemabenchFamily, RunsToTheEndReportsItselfAndLeavesNothingBehind) {
    watchdog guard{std::chrono::seconds{240}};
    const std::string family = GetParam();
    running_semabench program({"--quick", "--rounds", "2", "--filter", "^" + family + "/", "--json", "-"});
    EXPECT_EQ(program.wait(), 0) << program.err();
    expect_nothing_left_by(program.pid());

    const json report = json::parse(program.out(), nullptr, false);
    ASSERT_TRUE(report.is_object()) << program.out();
    EXPECT_EQ(report.value("tool", ""), "semabench");
    EXPECT_EQ(report.value("format", 0), 1);
    EXPECT_EQ(report.value("rounds", 0), 2);
    EXPECT_EQ(report.value("quick", false), true);
    EXPECT_TRUE(report.value("optimised", json{}).is_boolean());
    for (const char* key : {"processors", "model", "kernel", "undisturbed", "load"}) {
        EXPECT_TRUE(report.value("machine", json::object()).contains(key)) << key;
    }
    EXPECT_EQ(report.value("failures", json{}), json::array());
    ASSERT_TRUE(report.value("results", json{}).is_array());
    EXPECT_FALSE(report["results"].empty());
    for (const auto& result : report["results"]) {
        expect_result(result, 2);
        EXPECT_EQ(result.value("benchmark", "").find(family + "/"), 0U);
    }
}

INSTANTIATE_TEST_SUITE_P(Each, SemabenchFamily, ::testing::ValuesIn(families), [](const auto& one) {
    std::string name = one.param;
    std::erase(name, '-');
    return name;
});

TEST(Semabench, ListsNoBenchmarkThatTheFamiliesTestedHereLeaveOut) {
    running_semabench program({"--list"});
    ASSERT_EQ(program.wait(), 0) << program.err();
    std::set<std::string> seen;
    std::istringstream lines(program.out());
    for (std::string line; std::getline(lines, line);) seen.insert(line.substr(0, line.find('/')));
    EXPECT_EQ(seen, std::set<std::string>(std::begin(families), std::end(families)));
}

TEST(Semabench, PrintsATableWithAVerdictForEachTarget) {
    running_semabench program({"--quick", "--rounds", "1", "--filter", "uncontended/try"});
    ASSERT_EQ(program.wait(), 0) << program.err();
    const std::string text = program.out();
    for (const char* word :
         {"benchmark", "peer", "ours", "ratio", "spread", "target", "verdict", "uncontended/try", "<= "}) {
        EXPECT_NE(text.find(word), std::string::npos) << word << " is not in\n" << text;
    }
    EXPECT_TRUE(text.find("met\n") != std::string::npos || text.find("missed: ") != std::string::npos) << text;
}

TEST(Semabench, RefusesAFilterThatMatchesNothingOrIsNoRegularExpression) {
    for (const char* filter : {"no such benchmark", "("}) {
        running_semabench program({"--filter", filter});
        EXPECT_EQ(program.wait(), 2) << filter;
        EXPECT_NE(program.err(), "") << filter;
        EXPECT_EQ(program.out(), "") << filter;
    }
}

TEST(Semabench, CleansUpWhenInterruptedInTheMiddleOfASample) {
    watchdog guard{std::chrono::seconds{120}};
    for (const char* filter : {"contended/fifo", "death/holder"}) {
        running_semabench program({"--filter", filter, "--rounds", "1000"});
        // A segment exists only while its contestant has the turn, so the children are at work now.
        EXPECT_TRUE(eventually([&] { return !files_of(program.pid()).empty(); })) << filter << "\n" << program.err();
        program.interrupt();
        EXPECT_EQ(program.wait(), 128 + SIGINT) << filter;
        expect_nothing_left_by(program.pid());
    }
}

TEST(SemabenchStatistics, PutQuantilesBetweenNeighbours) {
    EXPECT_DOUBLE_EQ(semabench::quantile({}, 0.5), 0);
    EXPECT_DOUBLE_EQ(semabench::quantile({7}, 0.99), 7);
    EXPECT_DOUBLE_EQ(semabench::quantile({4, 1, 3, 2}, 0.5), 2.5);
    EXPECT_DOUBLE_EQ(semabench::spread_of({5, 1, 2, 3, 4}).q1, 2);
    EXPECT_DOUBLE_EQ(semabench::spread_of({5, 1, 2, 3, 4}).max, 5);
}

TEST(SemabenchStatistics, JudgeTheMedianOfTheRoundsRatios) {
    semabench::benchmark what{"a/b", "?", {{"pair", "ns", semabench::better::lower}}, {}, {{{}, {1.5}}}};
    // The machine is three times slower in the second round: the ratio of medians would not notice, that of rounds is right.
    semabench::outcome result{{"ours", {{20}, {60}, {20}}, ""}, {{"peer", {{10}, {30}, {10}}, ""}}};
    auto line = semabench::compare(what, result, 0, 0);
    EXPECT_DOUBLE_EQ(line.ratio.median, 2);
    EXPECT_DOUBLE_EQ(line.ratio.max, 2);
    EXPECT_FALSE(line.met);
    EXPECT_NEAR(line.miss, 1.0 / 3, 1e-9);

    what.measures[0].direction = semabench::better::higher;
    EXPECT_TRUE(semabench::compare(what, result, 0, 0).met);
}

}  // namespace shmsem::test
