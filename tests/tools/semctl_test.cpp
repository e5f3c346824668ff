#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>

#include "run_tool.hpp"
#include "shmsem/shmsem.hpp"
#include "support/other_user.hpp"
#include "support/raw_segment.hpp"
#include "support/shmsem_test.hpp"

// The real program: create, list, show, resize, reap, remove, and what each says when it is refused.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

tool_result semctl(const std::vector<std::string>& arguments, const std::function<void()>& prepare = {}) {
    return run_tool("semctl", arguments, prepare);
}

// One line that names the thing, says `why`, and ends with what to do.
void expect_refused(const tool_result& result, const std::string& about, const std::string& why, const std::string& remedy) {
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err,
                AllOf(StartsWith("semctl: " + about + ": "), HasSubstr(why), HasSubstr("; "), HasSubstr(remedy)));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

void expect_usage(const tool_result& result, const std::string& why) {
    EXPECT_EQ(result.status, 2);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, AllOf(StartsWith("semctl"), HasSubstr(why), EndsWith("--help\n")));
}

std::string in(const std::string& semaphore, const std::string& segment) {
    return "semaphore '" + semaphore + "' in segment '" + segment + "'";
}

// A process that has died with a permit, and nobody left to notice.
void abandon_a_held_permit(const std::string& name) {
    auto last = fork_child([&] {
        auto home = segment::create(name, small_limits);
        auto encode = home.semaphore("encode", {.permits = 2, .ttl = forever});
        const lease mine = encode.acquire({.label = "lost"});
        ::kill(::getpid(), SIGKILL);
    });
    ASSERT_EQ(last.wait_signal(), SIGKILL);
}

class Semctl : public ::testing::Test {
   protected:
    watchdog guard{120s};
    test_name home;
    const std::string& name = home.name();
};

using SemctlCreate = Semctl;

TEST_F(SemctlCreate, MakesASegmentWithTheRoomAndTheModeThatWereAskedFor) {
    const auto result = semctl({"create", name, "--processes", "7", "--semaphores", "3", "--total-permits", "20",
                                "--waiters", "11", "--tenants", "2", "--mode", "group"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.out, StartsWith("created segment '" + name + "'"));
    const limits wanted{.processes = 7, .semaphores = 3, .permits = 20, .waiters = 11, .tenants = 2};
    EXPECT_EQ(segment::open(name).limits(), wanted);
    struct stat file {};
    ASSERT_EQ(::stat(home.path().c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0777, 0660U);
}

TEST_F(SemctlCreate, MakesALeasedSemaphoreWithTheOptionsThatWereAskedFor) {
    const auto result = semctl({"create", name, "gpu", "-n", "3", "--max-permits", "5", "--ttl", "1.5m", "--max-hold", "2h",
                                "--order", "throughput", "--renewal", "manual", "--max-waiters", "9"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, "created " + in("gpu", name) + ", 3 permits\n");
    const auto made = segment::open(name).find("gpu").inspect();
    EXPECT_EQ(made.stats.capacity, 3U);
    EXPECT_EQ(made.max_permits, 5U);
    EXPECT_EQ(made.ttl, 90s);
    EXPECT_EQ(made.max_hold, 2h);
    EXPECT_EQ(made.order, order::throughput);
    EXPECT_EQ(made.renewal, renewal::manual);
    EXPECT_EQ(made.max_waiters, 9U);
}

TEST_F(SemctlCreate, MakesAnOwnerlessSemaphore) {
    EXPECT_EQ(semctl({"create", name, "io", "--ownerless", "--initial", "4", "--max", "16"}).out,
              "created " + in("io", name) + ", count 4\n");
    auto io = segment::open(name).ownerless("io", {.max = 16});
    EXPECT_EQ(io.value(), 4);
}

TEST_F(SemctlCreate, RefusesWhatExistsUnlessThatWillDo) {
    ASSERT_EQ(semctl({"create", name, "gpu", "-n", "2"}).status, 0);
    expect_refused(semctl({"create", name}), "segment '" + name + "'", "exists already (segment_exists)", "--if-missing");
    expect_refused(semctl({"create", name, "gpu", "-n", "2"}), in("gpu", name), "exists already", "--if-missing");
    const auto segment_result = semctl({"create", name, "--if-missing"});
    EXPECT_EQ(segment_result.status, 0) << segment_result.err;
    EXPECT_THAT(segment_result.out, StartsWith("exists already: "));
    const auto semaphore_result = semctl({"create", name, "gpu", "-n", "2", "--if-missing"});
    EXPECT_EQ(semaphore_result.status, 0) << semaphore_result.err;
    EXPECT_THAT(semaphore_result.out, StartsWith("exists already: "));
}

TEST_F(SemctlCreate, NamesBothValuesWhenWhatExistsIsAnother) {
    ASSERT_EQ(semctl({"create", name, "gpu", "-n", "2"}).status, 0);
    ASSERT_EQ(semctl({"create", name, "io", "--ownerless"}).status, 0);
    expect_refused(semctl({"create", name, "gpu", "-n", "3", "--if-missing"}), in("gpu", name), "it has 2, asked for 3",
                   "semctl resize " + name + " gpu N");
    expect_refused(semctl({"create", name, "--if-missing", "--processes", "9"}), "segment '" + name + "'",
                   "asked for 9 processes", "leave the limits out");
    expect_refused(semctl({"create", name, "io", "--if-missing"}), in("io", name), "semaphore_kind", "--ownerless");
}

TEST_F(SemctlCreate, RefusesWhatThereIsNoRoomForAndNamesThatCannotBe) {
    ASSERT_EQ(semctl({"create", name, "--total-permits", "100"}).status, 0);
    expect_refused(semctl({"create", "a/b"}), "segment 'a/b'", "invalid_name", "47 bytes");
    expect_refused(semctl({"create", name, std::string(48, 'x')}), in(std::string(48, 'x'), name), "invalid_name",
                   "47 bytes");
    expect_refused(semctl({"create", name, "many", "-n", "9000"}), in("many", name), "too_many_permits", "--total-permits");
}

TEST_F(SemctlCreate, LeavesNoSegmentBehindWhenTheSemaphoreCannotBeMade) {
    expect_refused(semctl({"create", name, "gpu", "-n", "5000"}), in("gpu", name), "too_many_permits", "--total-permits");
    EXPECT_NE(::access(home.path().c_str(), F_OK), 0);
    ASSERT_EQ(semctl({"create", name}).status, 0);
    EXPECT_EQ(semctl({"create", name, "gpu", "-n", "5000"}).status, 1);
    EXPECT_EQ(::access(home.path().c_str(), F_OK), 0) << "this one was there before";
}

TEST_F(SemctlCreate, OptionsThatDoNotGoTogetherAreUsageErrors) {
    expect_usage(semctl({"create"}), "SEGMENT");
    expect_usage(semctl({"create", ""}), "cannot be empty");
    expect_usage(semctl({"create", name, ""}), "cannot be empty");
    expect_usage(semctl({"create", name, "-n", "3"}), "name one");
    expect_usage(semctl({"create", name, "io", "--ownerless", "-n", "3"}), "not for --ownerless");
    expect_usage(semctl({"create", name, "io", "--initial", "3"}), "for --ownerless only");
    expect_usage(semctl({"create", name, "gpu", "--ttl", "3 fortnights"}), "no duration");
    expect_usage(semctl({"create", name, "gpu", "--order", "lifo"}), "none of fifo, throughput");
    expect_usage(semctl({"create", name, "gpu", "-n", "many"}), "many");
    expect_usage(semctl({"create", name, "gpu", "-n", "0"}), "--permits: Value 0 not in range 1 to 1048576");
    expect_usage(semctl({"create", name, "gpu", "-n", "3", "--max-permits", "2"}), "--max-permits is below --permits");
    expect_usage(semctl({"create", name, "io", "--ownerless", "--initial", "3", "--max", "2"}), "--initial is above --max");
    expect_usage(semctl({"create", name, "gpu", "--ttl", "0"}), "not above 0 and up to 100d");
    expect_usage(semctl({"create", name, "gpu", "--max-hold", "101d"}), "not above 0 and up to 100d");
    expect_usage(semctl({"create", name, "--processes", "4097"}), "--processes: Value 4097 not in range 1 to 4096");
    expect_usage(semctl({"create", name, "--waiters", "-1"}), "--waiters");
    EXPECT_NE(::access(home.path().c_str(), F_OK), 0) << "nothing was made";
}

TEST_F(SemctlCreate, TakesNamesThatLookLikeCommandsOrOptions) {
    const std::string segment_name = "-" + name;
    remember_file(path_of(segment_name).c_str());
    EXPECT_EQ(semctl({"create", "--", segment_name, "doctor"}).status, 0);
    const auto shown = semctl({"show", "--", segment_name, "doctor"});
    EXPECT_EQ(shown.status, 0) << shown.err;
    expect_refused(semctl({"create", "--", segment_name}), "segment '" + segment_name + "'", "exists",
                   "semctl remove -- " + segment_name);
    EXPECT_EQ(semctl({"remove", "--", segment_name}).status, 0);
    forget_file(path_of(segment_name).c_str());
}

TEST_F(SemctlCreate, QuietSaysNothingButErrors) {
    EXPECT_EQ(semctl({"--quiet", "create", name, "gpu"}).out, "");
    EXPECT_EQ(semctl({"resize", name, "gpu", "2", "-q"}).out, "");
    EXPECT_NE(semctl({"-q", "create", name, "gpu"}).err, "");
}

using SemctlList = Semctl;

TEST_F(SemctlList, ShowsSizeOwnerModeAndAttachedProcesses) {
    ASSERT_EQ(semctl({"create", name, "gpu"}).status, 0);
    const auto table = semctl({"list", "--ascii"});
    EXPECT_EQ(table.status, 0) << table.err;
    EXPECT_THAT(table.out, AllOf(StartsWith("SEGMENT"), HasSubstr(name)));

    auto here = segment::open(name);
    const lease mine = here.find("gpu").acquire();
    json found;
    const json parsed = json::parse(semctl({"list", "--json"}).out);
    for (const auto& each : parsed["segments"]) {
        if (each["name"] == name) found = each;
    }
    EXPECT_EQ(found["attached"], 1);
    EXPECT_EQ(found["uid"], ::geteuid());
    EXPECT_EQ(found["mode"], "owner");
    EXPECT_GT(found["bytes"], 0);
    EXPECT_TRUE(found["error"].is_null());
}

TEST_F(SemctlList, ASegmentThatCannotBeOpenedIsListedWithItsError) {
    make_file(name, std::string(8192, 'x'));
    const auto table = semctl({"list"});
    EXPECT_EQ(table.status, 0) << table.err;
    EXPECT_THAT(table.out, HasSubstr("segment_foreign"));
}

TEST_F(SemctlList, NamesAreForPrograms) {
    ASSERT_EQ(semctl({"create", name, "gpu", "-n", "2"}).status, 0);
    ASSERT_EQ(semctl({"create", name, "a 'b' \\c"}).status, 0);
    EXPECT_THAT(semctl({"list", "--names"}).out, HasSubstr(name + "\n"));
    const auto semaphores = semctl({"list", "--names", name}).out;
    EXPECT_THAT(semaphores, AllOf(HasSubstr("gpu\n"), HasSubstr("a 'b' \\c\n")));
    auto here = segment::open(name);
    EXPECT_EQ(semctl({"list", "--names", name, "gpu"}).out, "");
    const lease mine = here.find("gpu").acquire();
    EXPECT_EQ(semctl({"list", "--names", name, "gpu"}).out, std::to_string(mine.seat()) + "\n");
    expect_usage(semctl({"list", name}), "--names");
    expect_usage(semctl({"list", "--names", "--json"}), "not both");
}

TEST_F(SemctlList, ANameThatATerminalWouldObeyIsNotCompleted) {
    ASSERT_EQ(semctl({"create", name, "gpu"}).status, 0);
    raw_segment(name).view().semaphore(0).name.store("\x1b[2Jgpu");
    EXPECT_EQ(semctl({"list", "--names", name}).out, "");
    EXPECT_THAT(semctl({"show", name}).out, AllOf(HasSubstr("\\x1b[2Jgpu"), Not(HasSubstr("\x1b"))));
}

using SemctlShow = Semctl;

TEST_F(SemctlShow, ShowsAllOfASegmentOrOneSemaphore) {
    ASSERT_EQ(semctl({"create", name, "gpu", "-n", "2"}).status, 0);
    ASSERT_EQ(semctl({"create", name, "io"}).status, 0);
    EXPECT_THAT(semctl({"show", name}).out, AllOf(HasSubstr("gpu"), HasSubstr("io")));
    EXPECT_THAT(semctl({"show", name, "io"}).out, AllOf(HasSubstr("io"), Not(HasSubstr("gpu"))));
    const json one = json::parse(semctl({"show", name, "gpu", "--json"}).out)["segments"][0];
    ASSERT_EQ(one["semaphores"].size(), 1U);
    EXPECT_EQ(one["semaphores"][0]["name"], "gpu");
    EXPECT_EQ(one["semaphores"][0]["capacity"], 2);
    expect_refused(semctl({"show", name, "nix"}), in("nix", name), "semaphore_not_found", "semctl list --names " + name);
    expect_refused(semctl({"show", "no-such-segment"}), "segment 'no-such-segment'", "segment_not_found", "semctl list");
}

using SemctlResize = Semctl;

TEST_F(SemctlResize, SaysWhatItWasAndWhatItIs) {
    ASSERT_EQ(semctl({"create", name, "gpu", "-n", "2", "--max-permits", "4"}).status, 0);
    EXPECT_EQ(semctl({"resize", name, "gpu", "4"}).out, "resized " + in("gpu", name) + ": 2 -> 4 permits\n");
    auto gpu = segment::open(name).find("gpu");
    EXPECT_EQ(gpu.permits(), 4U);
    const lease mine = gpu.acquire({.permits = 3});
    EXPECT_THAT(semctl({"resize", name, "gpu", "1"}).out,
                HasSubstr("4 -> 1 permit; 2 held beyond that close when released"));
}

TEST_F(SemctlResize, RefusesWhatCannotBe) {
    ASSERT_EQ(semctl({"create", name, "gpu", "-n", "2", "--max-permits", "4"}).status, 0);
    ASSERT_EQ(semctl({"create", name, "io", "--ownerless"}).status, 0);
    expect_refused(semctl({"resize", name, "gpu", "5"}), in("gpu", name), "1 to 4 permits, not 5", "--max-permits");
    expect_refused(semctl({"resize", name, "gpu", "0"}), in("gpu", name), "1 to 4 permits, not 0", "--max-permits");
    expect_refused(semctl({"resize", name, "io", "5"}), in("io", name), "ownerless", "create");
    expect_refused(semctl({"resize", name, "nix", "5"}), in("nix", name), "semaphore_not_found", "semctl list");
    expect_usage(semctl({"resize", name, "gpu", "lots"}), "lots");
    expect_usage(semctl({"resize", name, "gpu"}), "N");
}

using SemctlReap = Semctl;

TEST_F(SemctlReap, TakesBackWhatADeadHolderHas) {
    abandon_a_held_permit(name);
    EXPECT_EQ(semctl({"reap", name}).out, "segment '" + name + "': took back 1 permit\n");
    EXPECT_EQ(semctl({"reap", name}).out, "segment '" + name + "': took back 0 permits\n");
    EXPECT_EQ(segment::open(name).find("encode").available(), 2U);
    expect_refused(semctl({"reap", "no-such-segment"}), "segment 'no-such-segment'", "segment_not_found", "semctl list");
}

TEST_F(SemctlReap, OneThatCannotBeReadDoesNotKeepItFromTheOthers) {
    abandon_a_held_permit(name);
    const auto result = semctl({"reap", "no-such-segment", name});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.out, HasSubstr("took back 1 permit"));
}

using SemctlRemove = Semctl;

TEST_F(SemctlRemove, RemovesWhatNobodyUses) {
    ASSERT_EQ(semctl({"create", name, "gpu"}).status, 0);
    EXPECT_EQ(semctl({"remove", name}).out, "removed segment '" + name + "'\n");
    expect_refused(semctl({"remove", name}), "segment '" + name + "'", "segment_not_found", "semctl list");
}

TEST_F(SemctlRemove, LeavesWhatIsUsedUnlessForced) {
    auto here = segment::create(name, small_limits);
    auto gpu = here.semaphore("gpu");
    expect_refused(semctl({"remove", name}), "segment '" + name + "'",
                   "1 process is attached: pid " + std::to_string(::getpid()), "--force");
    EXPECT_EQ(semctl({"remove", "--force", name}).out,
              "removed segment '" + name + "'; 1 process goes on with what it was\n");
    EXPECT_NE(::access(home.path().c_str(), F_OK), 0);
    gpu.acquire().release();
}

TEST_F(SemctlRemove, LeavesTheFileOfAnotherProgramUnlessForced) {
    make_file(name, std::string(8192, 'x'));
    expect_refused(semctl({"remove", name}), "segment '" + name + "'", "segment_foreign", "--force");
    EXPECT_EQ(semctl({"remove", name, "--force"}).status, 0);
}

TEST_F(SemctlRemove, GoesOnAfterOneThatCannotBeRemoved) {
    ASSERT_EQ(semctl({"create", name}).status, 0);
    const auto result = semctl({"remove", "no-such-segment", name});
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(result.out, "removed segment '" + name + "'\n");
}

TEST_F(SemctlRemove, WhatIsRemovedHasToBeSaid) {
    expect_usage(semctl({"remove"}), "--orphans");
    expect_usage(semctl({"remove", "--orphans", name}), "--orphans");
    expect_usage(semctl({"remove", "--orphans", "--force"}), "--orphans");
}

TEST_F(SemctlRemove, AnotherUsersSegmentIsRefusedWithWhatToDo) {
    if (!is_root()) GTEST_SKIP() << needs_root;
    ASSERT_EQ(semctl({"create", name, "gpu"}).status, 0);
    const auto refused = semctl({"remove", name}, [] { become(nobody, nobody); });
    expect_refused(refused, "segment '" + name + "'", "segment_permission", "sudo -u");
    expect_refused(semctl({"resize", name, "gpu", "2"}, [] { become(nobody, nobody); }), "segment '" + name + "'",
                   "segment_permission", "--mode group");
}

TEST(SemctlUsage, HelpHasExamplesAndExitCodesAndSoHasEachCommand) {
    const auto all = semctl({"--help"});
    EXPECT_EQ(all.status, 0);
    EXPECT_THAT(all.out, AllOf(HasSubstr("Exit status:"), HasSubstr("Examples:")));
    for (const char* command : {"create", "list", "show", "resize", "reap", "end", "pause", "resume", "remove", "doctor"}) {
        EXPECT_THAT(all.out, HasSubstr(std::string("\n  ") + command + ' '));
        const auto one = semctl({command, "--help"});
        EXPECT_EQ(one.status, 0);
        EXPECT_THAT(one.out, HasSubstr(std::string("Examples:\n  semctl ") + command));
    }
}

TEST(SemctlUsage, ACommandThatIsMissingOrUnknownIsAUsageError) {
    expect_usage(semctl({}), "name a command: create, list");
    expect_usage(semctl({"destroy"}), "destroy");
    expect_usage(semctl({"show", "a", "b", "c"}), "c");
    expect_usage(semctl({"--no-such-option"}), "no-such-option");
}

TEST(SemctlUsage, OutputThatCannotBeWrittenIsNotSuccess) {
    const auto full = semctl({"list", "--json"}, [] { (void)!std::freopen("/dev/full", "w", stdout); });
    EXPECT_EQ(full.status, 1);
    EXPECT_THAT(full.err, HasSubstr("cannot be written"));
}

}  // namespace
}  // namespace shmsem::test
