#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "run_tool.hpp"
#include "support/other_user.hpp"
#include "support/shmsem_test.hpp"

// Runs the program itself: on small directories, on one that takes for ever, and with what it cannot run on.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// A directory for one test.
class scratch {
   public:
    scratch() {
        std::string name = (fs::temp_directory_path() / "demo_test.XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
        path_ = name;
        fs::permissions(path_, fs::perms{0755});
    }
    ~scratch() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;

    [[nodiscard]] const fs::path& path() const { return path_; }
    fs::path write(const std::string& name, const std::string& contents) const {
        const fs::path file = path_ / name;
        fs::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary) << contents;
        return file;
    }

   private:
    fs::path path_;
};

struct demo_result : tool_result {
    pid_t pid = 0;
};

bool left_over(pid_t pid) { return fs::exists("/dev/shm/shmsem.demo." + std::to_string(pid)); }

/// Runs it to its end, and checks that it left no segment behind.
demo_result run_demo(const std::vector<std::string>& arguments, const std::function<void()>& prepare = {}) {
    const shared<std::atomic<pid_t>> pid;
    demo_result result{run_tool("shmsem_demo", arguments,
                                [&] {
                                    // As for the tests themselves: its workers are forked while it has threads.
                                    ::setenv("TSAN_OPTIONS", "die_after_fork=0:report_thread_leaks=0", 0);
                                    *pid = ::getpid();
                                    if (prepare) prepare();
                                }),
                       0};
    result.pid = pid->load();
    EXPECT_FALSE(left_over(result.pid));
    return result;
}

/// FNV-1a by its definition.
std::uint64_t fnv1a_of(const std::string& text) {
    std::uint64_t hash = 14695981039346656037ULL;
    for (const char c : text) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 1099511628211ULL;
    }
    return hash;
}

TEST(Demo, ChecksumsEveryRegularFileExactlyOnceAlthoughHoldersAreKilled) {
    watchdog guard{250s};
    const scratch dir;
    const scratch elsewhere;
    std::map<std::string, std::string> contents;
    for (int i = 0; i < 12; ++i) {
        std::string text;
        for (int n = 0; n < i * i * 700; ++n) text += static_cast<char>(n * i);
        const std::string name = (i % 3 == 0 ? "deep/er/" : "") + std::to_string(i) + " name";
        contents[dir.write(name, text).string()] = text;
    }
    elsewhere.write("outside", "not to be read");
    fs::create_symlink(elsewhere.path(), dir.path() / "link to a directory");
    fs::create_symlink(dir.path() / "1 name", dir.path() / "link to a file");
    ASSERT_EQ(::mkfifo((dir.path() / "fifo").c_str(), 0600), 0);

    const fs::path list = elsewhere.path() / "results";
    const auto run = run_demo({dir.path().string(), "--json", "--results", list.string()});
    ASSERT_EQ(run.status, 0) << run.out << run.err;
    const auto json = nlohmann::json::parse(run.out);
    EXPECT_EQ(json["right"], true);
    EXPECT_EQ(json["files"]["found"], 12);
    EXPECT_EQ(json["files"]["done"], 12);
    EXPECT_EQ(json["files"]["twice"], 0);
    EXPECT_EQ(json["files"]["missing"], 0);
    EXPECT_EQ(json["files"]["unreadable"], 0);
    EXPECT_EQ(json["killed"], 3);
    EXPECT_EQ(json["restarted"], 3);
    EXPECT_EQ(json["permits_in_use"], 0);
    EXPECT_EQ(json["permits_lost"], 0);
    EXPECT_EQ(json["inversions"]["counted"], 0);
    EXPECT_EQ(json["inversions"]["recorded"], 0);
    ASSERT_EQ(json["kill_to_grant_us"].size(), 3U);
    for (const auto& t : json["kill_to_grant_us"]) EXPECT_GT(t.get<double>(), 0);

    std::ifstream lines(list);
    std::size_t n = 0;
    for (std::string line; std::getline(lines, line); ++n) {
        std::istringstream fields(line);
        std::string sum;
        std::uint64_t bytes = 0;
        std::string name;
        fields >> sum >> bytes;
        std::getline(fields >> std::ws, name);
        const auto it = contents.find(name);
        ASSERT_NE(it, contents.end()) << name;
        EXPECT_EQ(std::stoull(sum, nullptr, 16), fnv1a_of(it->second)) << name;
        EXPECT_EQ(bytes, it->second.size());
        contents.erase(it);
    }
    EXPECT_EQ(n, 12U);
    EXPECT_TRUE(contents.empty());
}

TEST(Demo, ReportsOnATreeOfSources) {
    watchdog guard{250s};
    const fs::path sources = fs::path(__FILE__).parent_path().parent_path();
    if (!fs::is_directory(sources)) GTEST_SKIP() << "the sources are not here";
    const auto run = run_demo({sources.string()});
    EXPECT_EQ(run.status, 0) << run.out << run.err;
    for (const char* line : {
             "^checksums of [^\n]*: 8 workers, 3 permits\n",
             "\nfiles +[0-9]+ of [0-9]+ done, each exactly once \\(0 twice, 0 missing\\)",
             "\nbytes +[0-9.]+ MB in [0-9.]+ s, FNV-1a of all [0-9a-f]{16}\n",
             "\nworkers +3 killed while they held a permit \\(3 asked for\\), 3 restarted, 0 failed\n",
             "\ntaken over +3 files of the killed",
             "\npermits +0 in use at the end, 0 lost \\(all 3 acquired at once\\), 3 taken back from the dead\n",
             "\nexclusion +0 permits held twice at once, 0 leases lost",
             "\norder +0 FIFO inversions counted by the semaphore, 0 found in the tickets of [0-9]+ leases",
             "\nkill to grant +median [0-9]+ us, worst [0-9]+ us, [^\n]*\\(3\\)\n",
             "\ncost +acquire \\+ release [0-9.]+ ns, sem_t wait \\+ post [0-9.]+ ns",
             "\nresult +all right\n$",
         }) {
        EXPECT_THAT(run.out, ::testing::ContainsRegex(line));
    }
    EXPECT_NE(run.err.find("checksums, "), std::string::npos) << "progress: " << run.err;
}

TEST(Demo, KillsItsHoldersEvenIfThereIsOneEmptyFile) {
    watchdog guard{250s};
    const scratch dir;
    dir.write("alone", "");
    const auto run = run_demo({dir.path().string(), "--quiet"});
    EXPECT_EQ(run.status, 0) << run.out << run.err;
    EXPECT_NE(run.out.find("1 of 1 done"), std::string::npos) << run.out;
    EXPECT_EQ(run.err, "");
}

TEST(Demo, WorksWithOtherNumbersToo) {
    watchdog guard{250s};
    const scratch dir;
    for (int i = 0; i < 40; ++i) dir.write(std::to_string(i), std::string(20000, 'x'));
    for (const auto& numbers : std::vector<std::vector<std::string>>{
             {"--workers", "3", "--permits", "1", "--kills", "5"},
             {"--workers", "1", "--permits", "1", "--kills", "0"},
             {"--workers", "2", "--permits", "5", "--kills", "2"},
         }) {
        std::vector<std::string> arguments{dir.path().string(), "--quiet"};
        arguments.insert(arguments.end(), numbers.begin(), numbers.end());
        const auto run = run_demo(arguments);
        EXPECT_EQ(run.status, 0) << run.out << run.err;
    }
}

TEST(Demo, CountsFilesThatItMayNotRead) {
    watchdog guard{250s};
    const scratch dir;
    for (int i = 0; i < 5; ++i) dir.write(std::to_string(i), "text");
    fs::permissions(dir.write("secret", "text"), fs::perms::none);
    dir.write("closed/inside", "text");
    fs::permissions(dir.path() / "closed", fs::perms::none);
    const std::string program = std::string(SHMSEM_BIN_DIR) + "/shmsem_demo";
    const auto step_down = [&] {
        if (!is_root()) return;
        become(nobody, nobody);
        if (::access(program.c_str(), X_OK) != 0) ::_exit(126);
    };
    const auto run = run_demo({dir.path().string(), "--quiet"}, step_down);
    fs::permissions(dir.path() / "closed", fs::perms{0755});
    if (run.status == 126) GTEST_SKIP() << "other users cannot reach the program";
    EXPECT_EQ(run.status, 0) << run.out << run.err;
    EXPECT_NE(run.out.find("6 of 6 done"), std::string::npos) << run.out;
    EXPECT_NE(run.out.find("; 1 unreadable; 1 directories unreadable"), std::string::npos) << run.out;
}

TEST(Demo, RefusesWhatItCannotRunOn) {
    watchdog guard{120s};
    const scratch dir;
    EXPECT_EQ(run_demo({dir.path().string()}).status, 2) << "no file in it";
    EXPECT_EQ(run_demo({(dir.path() / "missing").string()}).status, 2);
    EXPECT_EQ(run_demo({}).status, 2);
    EXPECT_EQ(run_demo({dir.path().string(), "--workers", "0"}).status, 2);
    EXPECT_EQ(run_demo({dir.path().string(), "--no-such-option"}).status, 2);
    dir.write("file", "text");
    EXPECT_EQ(run_demo({(dir.path() / "file").string()}).status, 2) << "a file is no directory";
    EXPECT_EQ(run_demo({dir.path().string(), "--quiet", "--results", "/no/such/directory/x"}).status, 2);
    EXPECT_EQ(run_demo({"--help"}).status, 0);
}

class DemoInterrupted : public ::testing::TestWithParam<int> {};

TEST_P(DemoInterrupted, EndsItsWorkersAndRemovesItsSegment) {
    watchdog guard{120s};
    // More than an hour of work: the signal certainly comes in the middle.
    const scratch dir;
    for (int i = 0; i < 64; ++i) fs::resize_file(dir.write(std::to_string(i), ""), 1ULL << 36);
    const std::string program = std::string(SHMSEM_BIN_DIR) + "/shmsem_demo";
    auto demo = fork_child([&] {
        ::setenv("TSAN_OPTIONS", "die_after_fork=0:report_thread_leaks=0", 0);
        ::execl(program.c_str(), "shmsem_demo", dir.path().c_str(), "--quiet", nullptr);
        return 127;
    });
    // Its workers hold permits once the segment says so.
    const std::string name = "demo." + std::to_string(demo.pid());
    std::vector<std::uint32_t> holders;
    ASSERT_TRUE(eventually([&] {
        std::error_code ec;
        auto home = segment::open(name, access::read_only, ec);
        if (ec) return false;
        for (const auto& s : home.inspect().semaphores) {
            holders.clear();
            for (const auto& h : s.holders) holders.push_back(h.pid);
        }
        return holders.size() == 3;
    }));
    demo.send(GetParam());
    EXPECT_EQ(demo.wait_signal(), GetParam());
    EXPECT_FALSE(left_over(demo.pid()));
    for (const auto pid : holders) EXPECT_EQ(::kill(static_cast<pid_t>(pid), 0), -1) << "worker " << pid << " lives on";
}

INSTANTIATE_TEST_SUITE_P(By, DemoInterrupted, ::testing::Values(SIGTERM, SIGINT, SIGHUP));

}  // namespace
}  // namespace shmsem::test
