#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "semabench/runner.hpp"
#include "semabench/statistics.hpp"
#include "semabench/wording.hpp"
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

class scratch_directory {
   public:
    scratch_directory() {
        std::string name = std::filesystem::temp_directory_path() / "semabench-test-XXXXXX";
        if (mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), name);
        path_ = name;
    }
    ~scratch_directory() { std::filesystem::remove_all(path_); }
    scratch_directory(const scratch_directory&) = delete;
    scratch_directory& operator=(const scratch_directory&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

   private:
    std::filesystem::path path_;
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

void expect_side(const json& side, std::size_t rounds) {
    expect_spread(side);
    EXPECT_TRUE(side.value("name", json{}).is_string());
    ASSERT_TRUE(side.contains("size"));
    EXPECT_TRUE(side["size"].is_null() || side["size"] >= 1);
    ASSERT_TRUE(side.value("samples", json{}).is_array());
    EXPECT_EQ(side["samples"].size(), rounds);
    for (const auto& value : side["samples"]) {
        ASSERT_TRUE(value.is_number());  // not null, which is what infinities become
        EXPECT_GE(value, 0);
    }
}

void expect_result(const json& result, std::size_t rounds) {
    SCOPED_TRACE(result.dump());
    for (const char* key : {"benchmark", "question", "measure", "unit", "better"}) {
        ASSERT_TRUE(result.contains(key)) << key;
        EXPECT_TRUE(result[key].is_string()) << key;
    }
    EXPECT_TRUE(result["better"] == "lower" || result["better"] == "higher");
    for (const char* key : {"axis", "contestant", "peer", "ratio", "target", "met", "miss"})
        ASSERT_TRUE(result.contains(key)) << key;
    expect_side(result["contestant"], rounds);
    EXPECT_EQ(result["axis"].is_null(), result["contestant"]["size"].is_null());
    EXPECT_EQ(result["peer"].is_null(), result["ratio"].is_null());
    if (!result["peer"].is_null()) {
        expect_side(result["peer"], rounds);
        expect_spread(result["ratio"]);
        // Of idle processes a tick or a wake-up may well be zero; nothing that is compared takes no time.
        EXPECT_GT(result["ratio"]["min"], 0);
    }
    EXPECT_EQ(result["target"].is_null(), result["met"].is_null());
    EXPECT_EQ(result["target"].is_null(), result["miss"].is_null());
}

const char* const families[] = {"uncontended", "disjoint", "handoff", "contended", "death",  "grants", "many-permits",
                                "scale",       "sweep",    "memory",  "idle",      "attach", "redis"};

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
    EXPECT_EQ(report.value("format", 0), 2);
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

TEST(Semabench, DrawsEachMeasureOfABenchmarkAndWritesTheTableForAWebPage) {
    watchdog guard{std::chrono::seconds{120}};
    const scratch_directory place;
    running_semabench program({"--quick", "--rounds", "2", "--filter", "uncontended/try|scale/semaphores|memory", "--plot",
                               place.path() / "plots", "--markdown", place.path() / "table.md"});
    ASSERT_EQ(program.wait(), 0) << program.err();
    std::set<std::string> drawn;
    for (const auto& entry : std::filesystem::directory_iterator(place.path() / "plots")) {
        drawn.insert(entry.path().filename());
        boost::property_tree::ptree svg;
        ASSERT_NO_THROW(boost::property_tree::read_xml(entry.path(), svg)) << entry.path();
        EXPECT_EQ(svg.count("svg"), 1U) << entry.path();
        EXPECT_FALSE(svg.get_child("svg.g").empty()) << entry.path();
    }
    EXPECT_EQ(drawn, (std::set<std::string>{"uncontended-try.svg", "scale-semaphores-pair.svg", "scale-semaphores-find.svg",
                                            "memory-one-more.svg", "memory-segment.svg"}));

    std::ifstream file(place.path() / "table.md");
    std::set<std::string> told;
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with("| `")) continue;
        EXPECT_EQ(std::count(line.begin(), line.end(), '|'), 7) << line;
        told.insert(line.substr(3, line.find('`', 3) - 3));
    }
    EXPECT_EQ(told, (std::set<std::string>{"uncontended/try", "scale/semaphores", "memory/one-more", "memory/segment"}));
}

TEST(Semabench, SaysBeforeItMeasuresThatGnuplotIsMissing) {
    const char* const before = std::getenv("PATH");
    const std::string path = before != nullptr ? before : "";
    ASSERT_EQ(setenv("PATH", "/nonexistent", 1), 0);
    running_semabench program({"--quick", "--filter", "uncontended/try", "--plot", "/nonexistent"});
    ASSERT_EQ(setenv("PATH", path.c_str(), 1), 0);
    EXPECT_EQ(program.wait(), 1);
    EXPECT_NE(program.err().find("gnuplot-nox"), std::string::npos) << program.err();
    EXPECT_EQ(program.err().find("rounds"), std::string::npos) << program.err();
}

TEST(Semabench, PrintsATableWithAVerdictForEachTarget) {
    running_semabench program({"--quick", "--rounds", "1", "--filter", "uncontended/ownerless"});
    ASSERT_EQ(program.wait(), 0) << program.err();
    const std::string text = program.out();
    for (const char* word :
         {"benchmark", "contestant", "peer", "ratio", "spread", "target", "verdict", "uncontended/ownerless", "<= "}) {
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
    for (const char* filter : {"contended/fifo", "death/holder", "scale/processes"}) {
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
    semabench::benchmark what{"a/b", "?", {{"pair", "ns", semabench::better::lower}}};
    what.compare({"ours", {}}, {{{"peer", {}}, {1.5}}});
    // The machine is three times slower in the second round: the ratio of medians would not notice, that of rounds is right.
    const semabench::outcome result{{{{20}, {60}, {20}}, ""}, {{{10}, {30}, {10}}, ""}};
    const auto found = semabench::judge(what, result, what.lines.at(0));
    EXPECT_DOUBLE_EQ(found.ratio.median, 2);
    EXPECT_DOUBLE_EQ(found.ratio.max, 2);
    EXPECT_FALSE(found.met);
    EXPECT_NEAR(found.miss, 1.0 / 3, 1e-9);

    what.measures[0].direction = semabench::better::higher;
    EXPECT_TRUE(semabench::judge(what, result, what.lines.at(0)).met);
}

TEST(SemabenchStatistics, JudgeAFigureByItselfAndASeriesByItsFirstPoint) {
    semabench::benchmark what{"a/b", "?", {{"size", "B", semabench::better::lower}}, "things"};
    constexpr double sizes[] = {1, 10, 100};
    what.state({"alone", {}}, {0}).grow(sizes, [](double) { return semabench::contestant{"series", {}}; }, {1.5});
    const semabench::outcome result{{{{3}}, ""}, {{{2}}, ""}, {{{3}}, ""}, {{{4}}, ""}};
    ASSERT_EQ(what.lines.size(), 4U);
    const auto judge = [&](std::size_t i) { return semabench::judge(what, result, what.lines[i]); };
    EXPECT_FALSE(judge(0).met);
    EXPECT_DOUBLE_EQ(judge(0).miss, 3);
    EXPECT_FALSE(what.lines[1].wanted);
    EXPECT_TRUE(judge(2).met);
    EXPECT_FALSE(judge(3).met);
    EXPECT_DOUBLE_EQ(judge(3).ratio.median, 2);
    EXPECT_EQ(what.contestants[3].size, 100);
}

TEST(SemabenchWording, IsShortAndExact) {
    EXPECT_EQ(semabench::amount(7.834, "ns"), "7.83 ns");
    EXPECT_EQ(semabench::amount(259'000, "ns"), "259 us");
    EXPECT_EQ(semabench::amount(91'240'000, "/s"), "91.2 M/s");
    EXPECT_EQ(semabench::amount(64, "B"), "64 B");
    EXPECT_EQ(semabench::amount(0, "ticks"), "0 ticks");
    EXPECT_EQ(semabench::ratio_text(12'345.6), "12,346");
    EXPECT_EQ(semabench::ratio_text(0.0123), "0.012");
    EXPECT_EQ(semabench::count_text(65'536), "65,536");
}

}  // namespace shmsem::test
