#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>

#include "run_tool.hpp"
#include "shmsem/shmsem.hpp"
#include "support/other_user.hpp"
#include "support/private_mounts.hpp"
#include "support/raw_segment.hpp"
#include "support/shmsem_test.hpp"

// The real doctor on segments that are ill in truth. It is asked of one segment each time: this host may have others, and findings
// of its own.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

tool_result doctor(const std::vector<std::string>& arguments, const std::function<void()>& prepare = {}) {
    std::vector<std::string> all{"doctor"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run_tool("semctl", all, prepare);
}

// The findings of this check, about this segment.
std::vector<json> found(const tool_result& result, const std::string& check, const json& segment) {
    std::vector<json> matching;
    const json parsed = json::parse(result.out);
    for (const auto& each : parsed["findings"]) {
        if (each["check"] == check && each["segment"] == segment) matching.push_back(each);
    }
    return matching;
}

class DoctorOfASegment : public ::testing::Test {
   protected:
    // That there is one such finding, that it is as bad, and that the exit status says so.
    void expect_finding(const std::string& check, const std::string& how_bad, const std::string& what,
                        const std::string& remedy, const std::function<void()>& prepare = {}) {
        const auto result = doctor({"--json", name}, prepare);
        ASSERT_TRUE(result.status == 0 || result.status == 3) << result.status << result.err;
        const auto matching = found(result, check, name);
        ASSERT_EQ(matching.size(), 1U) << result.out;
        EXPECT_EQ(matching[0]["severity"], how_bad);
        EXPECT_THAT(matching[0]["what"].get<std::string>(), HasSubstr(what));
        EXPECT_THAT(matching[0]["remedy"].get<std::string>(), HasSubstr(remedy));
        if (how_bad != "note") {
            EXPECT_EQ(result.status, 3);
        }
        EXPECT_EQ(json::parse(result.out)["well"], result.status == 0);

        const auto text = doctor({name, "--ascii"}, prepare);
        EXPECT_EQ(text.status, result.status);
        EXPECT_THAT(text.out, HasSubstr(how_bad + ": "));
        EXPECT_EQ(text.err, "");
    }

    watchdog guard{120s};
    test_name home;
    const std::string& name = home.name();
};

TEST_F(DoctorOfASegment, FindsNothingWrongWithOneThatIsInUse) {
    auto here = segment::create(name, small_limits);
    const lease mine = here.semaphore("gpu", {.permits = 2}).acquire();
    const auto result = doctor({"--json", name});
    const json parsed = json::parse(result.out);
    for (const auto& each : parsed["findings"]) EXPECT_NE(each["segment"], name) << each;
    const auto text = doctor({"--verbose", name});
    EXPECT_EQ(text.status, result.status);
    EXPECT_THAT(text.out,
                AllOf(HasSubstr("fine: every invariant holds\n"), HasSubstr("looked at this host and 1 segment: ")));
    EXPECT_EQ(doctor({"--quiet", name}).out, "");
    EXPECT_TRUE(mine.valid());
    EXPECT_TRUE(invariants_hold(here));
}

TEST_F(DoctorOfASegment, LooksAtAllSegmentsWhenNoneIsNamed) {
    make_abandoned_segment(name, small_limits);
    const json looked = json::parse(doctor({"--json"}).out).at("segments");
    EXPECT_NE(std::find(looked.begin(), looked.end(), name), looked.end());
}

TEST_F(DoctorOfASegment, OneThatDoesNotExist) {
    expect_finding("unreadable", "problem", "there is no segment of this name", "semctl list");
}

TEST_F(DoctorOfASegment, OneThatItsLastUserLeft) {
    in_child([&] { segment::create(name, small_limits).semaphore("gpu").acquire().release(); });
    expect_finding("orphaned", "warning", "nobody is attached to it, and it was used: made by ", "semctl remove " + name);
}

TEST_F(DoctorOfASegment, OneThatIsNewIsNoOrphanYet) {
    make_abandoned_segment(name, small_limits);
    expect_finding("orphaned", "note", "never used", "semctl remove " + name);
}

TEST_F(DoctorOfASegment, DeadProcessesAndWhatTheyHold) {
    auto last = fork_child([&] {
        auto here = segment::create(name, small_limits);
        const lease mine = here.semaphore("gpu", {.ttl = forever}).acquire({.label = "lost"});
        ::kill(::getpid(), SIGKILL);
    });
    ASSERT_EQ(last.wait_signal(), SIGKILL);
    expect_finding("dead_holders", "warning", "label 'lost'), which has died", "semctl reap " + name);
    expect_finding("dead_processes", "warning", "1 process that has died is still in its table", "semctl reap " + name);
    expect_finding("orphaned", "warning", "and it was used", "semctl remove " + name);

    ASSERT_EQ(run_tool("semctl", {"reap", name}).status, 0) << "the remedy";
    const auto after = doctor({"--json", name});
    EXPECT_TRUE(found(after, "dead_holders", name).empty()) << after.out;
    EXPECT_TRUE(found(after, "dead_processes", name).empty()) << after.out;
}

TEST_F(DoctorOfASegment, APauseThatWasForgotten) {
    auto here = segment::create(name, small_limits);
    here.semaphore("gpu").pause();
    expect_finding("paused", "warning", "nothing is granted", "semctl resume " + name + " gpu");
    ASSERT_EQ(run_tool("semctl", {"resume", name, "gpu"}).status, 0) << "the remedy";
    EXPECT_TRUE(found(doctor({"--json", name}), "paused", name).empty());
}

TEST_F(DoctorOfASegment, TwoProcessesThatWaitForEachOther) {
    auto here = segment::create(name, small_limits);
    auto first = here.semaphore("first", {.ttl = 600s});
    auto second = here.semaphore("second", {.ttl = 600s});
    shared<barrier> both{2U};
    const auto take = [&](semaphore& one, semaphore& other) {
        const lease mine = one.acquire();
        both->arrive_and_wait();
        const lease never = other.acquire();
    };
    auto left = fork_child([&] { take(first, second); });
    auto right = fork_child([&] { take(second, first); });
    ASSERT_TRUE(queued(first, 1));
    ASSERT_TRUE(queued(second, 1));
    const auto result = doctor({"--json", name});
    EXPECT_EQ(result.status, 3);
    const auto matching = found(result, "deadlocks", name);
    ASSERT_EQ(matching.size(), 1U) << result.out;
    EXPECT_THAT(matching[0]["remedy"].get<std::string>(), HasSubstr("semctl end " + name));
    left.kill();
    right.kill();
}

TEST_F(DoctorOfASegment, AFullProcessTable) {
    auto here = segment::create(name, {.processes = 1, .semaphores = 2, .permits = 8, .waiters = 8, .tenants = 1});
    (void)here.semaphore("gpu");
    expect_finding("tables", "problem", "its table of processes is full: 1 of 1", "--processes");
}

TEST_F(DoctorOfASegment, AnotherVersion) {
    make_abandoned_segment(name, small_limits);
    raw_segment(name).header().version += 1;
    const std::string theirs = "layout version " + std::to_string(layout::layout_version + 1);
    expect_finding("unreadable", "problem", "it has " + theirs + ", this library", "semctl remove --force " + name);
}

TEST_F(DoctorOfASegment, AnotherArchitecture) {
    make_abandoned_segment(name, small_limits);
    raw_segment(name).header().abi += 1;
    expect_finding("unreadable", "problem", "segment_abi", "semctl remove --force " + name);
}

TEST_F(DoctorOfASegment, OneThatIsHalfMade) {
    make_abandoned_segment(name, small_limits);
    raw_segment(name).header().ready = 0;
    expect_finding("unreadable", "problem", "its creator died before it was ready", "semctl remove " + name);
    ASSERT_EQ(run_tool("semctl", {"remove", name}).status, 0) << "the remedy";
}

TEST_F(DoctorOfASegment, OneThatWasCutShort) {
    make_abandoned_segment(name, small_limits);
    raw_segment(name).truncate(8192);
    expect_finding("unreadable", "problem", "shorter than it was made", "semctl remove --force " + name);
}

TEST_F(DoctorOfASegment, AFileOfAnotherProgram) {
    make_file(name, std::string(8192, 'x'));
    expect_finding("unreadable", "problem", "not a shmsem segment", "choose another name");
}

TEST_F(DoctorOfASegment, AnInvariantThatIsBroken) {
    in_child([&] { (void)segment::create(name, small_limits).semaphore("gpu", {.permits = 2}); });
    raw_segment(name).view().semaphore(0).permits.store(1);
    const auto result = doctor({"--json", name});
    EXPECT_EQ(result.status, 3);
    const auto broken = found(result, "invariants", name);
    ASSERT_FALSE(broken.empty()) << result.out;
    EXPECT_EQ(broken[0]["severity"], "problem");
    EXPECT_THAT(broken[0]["what"].get<std::string>(), HasSubstr("semaphore 'gpu': "));
}

TEST_F(DoctorOfASegment, AnotherUsersIsTheOthersAndNotBroken) {
    if (!is_root()) GTEST_SKIP() << needs_root;
    make_abandoned_segment(name, small_limits);
    const auto be_nobody = [] { become(nobody, nobody); };
    expect_finding("unreadable", "warning", "segment_permission); its file is root's, mode owner", "sudo -u", be_nobody);
    ASSERT_EQ(::chmod(home.path().c_str(), 0644), 0);
    expect_finding("unwritable", "note", "may look at it but not use it", "sudo -u", be_nobody);
    ASSERT_EQ(::chmod(home.path().c_str(), 0666), 0);
    expect_finding("open_to_all", "note", "every user", "--mode owner", be_nobody);
}

TEST_F(DoctorOfASegment, WhatOtherProcessesWroteDoesNotReachTheTerminal) {
    in_child([&] {
        auto here = segment::create(name, small_limits);
        here.semaphore("gpu").pause();
    });
    raw_segment(name).view().semaphore(0).name.store("\x1b[2Jgpu");
    const auto result = doctor({name});
    EXPECT_EQ(result.status, 3);
    EXPECT_THAT(result.out, AllOf(HasSubstr("\\x1b[2Jgpu"), Not(HasSubstr("\x1b"))));
}

// In a mount of its own, which only the child and what it runs can see.
void with_small_shm(const std::string& options, unsigned long flags, const std::function<void()>& body) {
    if (!is_root()) GTEST_SKIP() << needs_root;
    auto inside = fork_child([&] {
        if (!has_private_mounts()) return 77;
        if (::mount("tmpfs", "/dev/shm", "tmpfs", flags, options.c_str()) != 0) return 77;
        body();
        return 0;
    });
    const int status = inside.wait_exit();
    if (status == 77) GTEST_SKIP() << "a process here may not have mounts of its own";
    EXPECT_EQ(status, 0);
}

void expect_host_finding(const std::string& check, const std::string& how_bad, const std::string& what) {
    const auto result = doctor({"--json"});
    const auto matching = found(result, check, nullptr);
    ASSERT_EQ(matching.size(), 1U) << result.out << result.err;
    EXPECT_EQ(matching[0]["severity"], how_bad);
    EXPECT_THAT(matching[0]["what"].get<std::string>(), HasSubstr(what));
    EXPECT_EQ(result.status, how_bad == "note" ? 0 : 3);
}

void fill(const char* path, off_t bytes) {
    const int file = ::open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    ASSERT_GE(file, 0);
    ASSERT_EQ(::posix_fallocate(file, 0, bytes), 0);
    ::close(file);
}

TEST(DoctorOfTheHost, FindsAShmThatIsNearlyFull) {
    watchdog guard{60s};
    with_small_shm("size=16m,mode=1777", 0, [] {
        EXPECT_TRUE(found(doctor({"--json"}), "space", nullptr).empty());
        fill("/dev/shm/other", 15 << 20);
        expect_host_finding("space", "warning", "/dev/shm is nearly full: 1.0 MiB of 16 MiB are free");
    });
}

TEST(DoctorOfTheHost, FindsAShmWithoutRoomAndCreateSaysWhatToDo) {
    watchdog guard{60s};
    with_small_shm("size=2m,mode=1777", 0, [] {
        fill("/dev/shm/other", (2 << 20) - (8 << 10));
        expect_host_finding("space", "problem", "/dev/shm is full: 8.0 KiB of 2.0 MiB are free");
        const auto refused = run_tool("semctl", {"create", "jobs"});
        EXPECT_EQ(refused.status, 1);
        EXPECT_THAT(refused.err,
                    AllOf(HasSubstr("segment 'jobs': /dev/shm has no room"), HasSubstr("semctl remove --orphans")));
    });
}

TEST(DoctorOfTheHost, FindsAShmWithoutInodes) {
    watchdog guard{60s};
    with_small_shm("nr_inodes=2,mode=1777", 0, [] {
        fill("/dev/shm/other", 1);
        expect_host_finding("space", "problem", "no room for another file");
    });
}

TEST(DoctorOfTheHost, FindsAShmThatIsReadOnly) {
    watchdog guard{60s};
    with_small_shm("mode=1777", MS_RDONLY, [] { expect_host_finding("shm", "problem", "read-only"); });
}

TEST(DoctorOfTheHost, FindsAShmThatIsNotForThisUser) {
    watchdog guard{60s};
    with_small_shm("mode=0755", 0, [] {
        become(nobody, nobody);
        expect_host_finding("shm", "problem", "may not create files in /dev/shm");
    });
}

TEST(DoctorOfTheHost, RemovesOrphansOfASmallShmWhenAsked) {
    watchdog guard{60s};
    with_small_shm("size=8m,mode=1777", 0, [] {
        EXPECT_THAT(run_tool("semctl", {"list"}).out, HasSubstr("no segments"));
        EXPECT_THAT(run_tool("semctl", {"reap"}).out, HasSubstr("no segments"));
        make_abandoned_segment("left", small_limits);
        make_abandoned_segment("half", small_limits);
        raw_segment("half").header().ready = 0;
        make_file("foreign", std::string(8192, 'x'));
        auto used = segment::create("used", small_limits);
        const lease mine = used.semaphore("gpu").acquire();
        const auto result = run_tool("semctl", {"remove", "--orphans"});
        EXPECT_EQ(result.status, 0) << result.err;
        EXPECT_THAT(result.out, AllOf(HasSubstr("removed segment 'left'"), HasSubstr("removed segment 'half'"),
                                      Not(HasSubstr("foreign")), Not(HasSubstr("used"))));
        EXPECT_EQ(run_tool("semctl", {"list", "--names"}).out, "foreign\nused\n");
        EXPECT_THAT(run_tool("semctl", {"remove", "--orphans"}).out, HasSubstr("nothing to remove"));
    });
}

}  // namespace
}  // namespace shmsem::test
