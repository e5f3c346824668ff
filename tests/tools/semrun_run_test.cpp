#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "semrun_scene.hpp"
#include "support/other_user.hpp"
#include "support/private_mounts.hpp"
#include "support/raw_segment.hpp"

// The real program: statuses, what the command is given, the semaphore that is made, and errors.

namespace shmsem::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(Semrun, PassesOnTheStatusOfTheCommand) {
    EXPECT_EQ(run({"x", "true"}).status, 0);
    for (const char* status : {"1", "7", "127", "255"}) {
        EXPECT_EQ(run({"x", "--", "sh", "-c", "exit " + std::string(status)}).status, std::stoi(status));
    }
}

TEST_F(Semrun, Gives128PlusTheSignalThatEndedTheCommand) {
    for (const int signal : {SIGKILL, SIGTERM, SIGINT, SIGPIPE, SIGSEGV}) {
        const std::string script = "ulimit -c 0; kill -" + std::to_string(signal) + " $$";
        EXPECT_EQ(run({"x", "--", "sh", "-c", script}).status, 128 + signal);
    }
}

TEST_F(Semrun, TellsACommandThatIsNotThereFromOneThatCannotBeRun) {
    const auto none = run({"x", "--", "no-such-command-at-all"});
    EXPECT_EQ(none.status, 127);
    EXPECT_THAT(none.err, AllOf(HasSubstr("cannot run \"no-such-command-at-all\""), HasSubstr("PATH")));
    const auto no_program = run({"x", "--", "/etc/passwd"});
    EXPECT_EQ(no_program.status, 126);
    EXPECT_THAT(no_program.err, HasSubstr("chmod +x"));
    EXPECT_EQ(run({"x", "--nonblock", "true"}).status, 0) << "the permit has come back";
}

TEST_F(Semrun, HandsOverStandardInputAndOutput) {
    const auto result = run_with("through\n", {"x", "--", "sh", "-c", "cat; echo beside >&2"});
    EXPECT_EQ(result.out, "through\n");
    EXPECT_EQ(result.err, "beside\n");
}

TEST_F(Semrun, GivesTheCommandItsArgumentsByteForByte) {
    const std::string odd = "a b\n\"'\\$(x)*\xff\x01{}";
    EXPECT_EQ(run({"x", "--", "printf", "[%s]", odd, "", "-n"}).out, "[" + odd + "][][-n]");
}

TEST_F(Semrun, LeavesTheCommandNoTraceOfThePermit) {
    const auto result = run({"x", "--", "sh", "-c", "ls -l /proc/$$/fd; cat /proc/$$/maps; env"});
    EXPECT_EQ(result.status, 0);
    EXPECT_THAT(result.out, AllOf(Not(HasSubstr("shmsem.")), Not(HasSubstr("signalfd")), Not(HasSubstr("eventfd"))));
    const auto held = home->find("x").inspect();
    EXPECT_TRUE(held.holders.empty());
}

TEST_F(Semrun, GivesTheCommandTheSignalsAsItFoundThem) {
    const std::string look = "grep -E 'SigBlk|SigIgn' /proc/self/status";
    const auto plain = run({"x", "--", "sh", "-c", look}, [] {
        sigset_t none;
        ::sigemptyset(&none);
        ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
        ::signal(SIGCHLD, SIG_IGN);  // as some who start programs leave it: the command's status must come through
    });
    EXPECT_EQ(plain.status, 0);
    EXPECT_EQ(plain.out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    const auto nohup = run({"x", "--", "sh", "-c", look}, [] { ::signal(SIGHUP, SIG_IGN); });
    EXPECT_THAT(nohup.out, HasSubstr("SigIgn:\t0000000000000001\n"));
}

TEST_F(Semrun, WorksWithStandardDescriptorsClosed) {
    const auto result = run({"x", "-v", "--", "sh", "-c", "ls /proc/$$/fd > fds"}, [] {
        ::close(STDIN_FILENO);
        ::close(STDERR_FILENO);
    });
    EXPECT_EQ(result.status, 0);
    EXPECT_THAT(content("fds"), Not(HasSubstr("2\n"))) << "closed for the command too";
}

TEST_F(Semrun, MakesASemaphoreOfOnePermitAtFirstUseAndOfSoManyWhenAsked) {
    EXPECT_EQ(run({"one", "true"}).status, 0);
    EXPECT_EQ(run({"-n", "3", "three", "true"}).status, 0);
    EXPECT_EQ(home->find("one").permits(), 1U);
    EXPECT_EQ(home->find("three").permits(), 3U);
    EXPECT_EQ(run({"three", "true"}).status, 0) << "without -n as it is";
}

TEST_F(Semrun, MakesTheSegmentAtFirstUse) {
    const test_name fresh;
    EXPECT_EQ(run_tool("semrun", {"--segment", fresh.name(), "x", "true"}).status, 0);
    EXPECT_EQ(segment::open(fresh.name()).find("x").permits(), 1U);
}

TEST_F(Semrun, TakesTheSegmentFromTheEnvironmentUnlessToldOtherwise) {
    (void)run_tool("semrun", {"by-environment", "true"}, [&] { ::setenv("SEMRUN_SEGMENT", home.name().c_str(), 1); });
    EXPECT_EQ(home->find("by-environment").permits(), 1U);
}

TEST_F(Semrun, SaysBothNumbersWhenTheSemaphoreHasAnotherAndChangesItOnlyWhenAsked) {
    EXPECT_EQ(run({"-n", "3", "x", "true"}).status, 0);
    const auto refused = run({"-n", "5", "x", "--", "sh", "-c", "touch ran"});
    EXPECT_EQ(refused.status, 125);
    EXPECT_THAT(refused.err, AllOf(HasSubstr("segment \"" + home.name() + "\", semaphore \"x\""),
                                   HasSubstr("it has 3 permits, not the 5"), HasSubstr("--resize")));
    EXPECT_FALSE(::access(path("ran").c_str(), F_OK) == 0);
    EXPECT_EQ(run({"-n", "5", "--resize", "x", "true"}).status, 0);
    EXPECT_EQ(home->find("x").permits(), 5U);
}

TEST_F(Semrun, NumbersTheSeatsOfThoseWhoRunTogetherDifferently) {
    std::vector<running> all;
    for (int i = 0; i < 3; ++i) {
        all.push_back(
            start({"-n", "3", "gpu", "--seat-env", "SEAT", "--", "sh", "-c", "echo $$ > seat$SEAT; exec sleep 1000"}));
    }
    for (const char* file : {"seat0", "seat1", "seat2"}) EXPECT_GT(pid_in(file), 0) << file;
}

TEST_F(Semrun, ExportsAFencingTokenThatGrows) {
    const std::vector<std::string> arguments{"x", "--token-env", "TOKEN", "--", "sh", "-c", "echo $TOKEN"};
    const auto first = run(arguments);
    const auto second = run(arguments);
    EXPECT_LT(std::stoull(first.out), std::stoull(second.out));
}

TEST_F(Semrun, ReplacesAVariableOfThatNameAndKeepsTheOthers) {
    const auto result = run({"x", "--seat-env", "SEAT", "--", "sh", "-c", "env | grep -c ^SEAT=; echo $SEAT $OTHER"}, [] {
        ::setenv("SEAT", "before", 1);
        ::setenv("OTHER", "kept", 1);
    });
    EXPECT_EQ(result.out, "1\n0 kept\n");
}

TEST_F(Semrun, HoldsAsManyPermitsAsItsWeight) {
    auto heavy = start({"-n", "3", "x", "--weight", "2", "--seat-env", "SEATS", "--", "sh", "-c",
                        "echo $SEATS > seats; echo $$ > pid; exec sleep 1000"});
    ASSERT_GT(pid_in("pid"), 0);
    EXPECT_THAT(content("seats"), ::testing::MatchesRegex("[012],[012]\n"));
    const auto seen = home->find("x").inspect();
    ASSERT_EQ(seen.holders.size(), 2U);
    for (const auto& holder : seen.holders) EXPECT_EQ(holder.pid, static_cast<std::uint32_t>(heavy.process.pid()));
    EXPECT_EQ(run({"x", "--weight", "2", "--nonblock", "true"}).status, 1);
    EXPECT_EQ(run({"x", "--nonblock", "true"}).status, 0);
    const auto never = run({"x", "--weight", "4", "true"});
    EXPECT_EQ(never.status, 125);
    EXPECT_THAT(never.err, HasSubstr("it has 3 permits, and would never give 4 at once"));
}

TEST_F(Semrun, ShowsTenantAndLabelToWhoeverLooks) {
    auto named = start(sleeper({"x", "-n2", "--tenant", "acme", "--label", "trailer", "--ttl", "77s", "--"}, "a"));
    ASSERT_GT(pid_in("a"), 0);
    auto unnamed = start(sleeper({"x", "--"}, "b"));
    ASSERT_GT(pid_in("b"), 0);
    auto seen = home->find("x").inspect();
    ASSERT_EQ(seen.holders.size(), 2U);
    if (seen.holders[0].tenant.empty()) std::swap(seen.holders[0], seen.holders[1]);  // seats come in any order
    EXPECT_EQ(seen.holders[0].tenant, "acme");
    EXPECT_EQ(seen.holders[0].label, "trailer");
    EXPECT_GT(seen.holders[0].ttl_left, std::chrono::seconds{31});
    EXPECT_EQ(seen.holders[1].tenant, "");
    EXPECT_EQ(seen.holders[1].label, "sh") << "the command, since it says more than \"semrun\"";
}

// ---- errors: what, where, what to do

void expect_complaint(const tool_result& result, const std::string& place, const std::string& cause) {
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, AllOf(HasSubstr("semrun: "), HasSubstr(place), HasSubstr(cause)));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

TEST_F(Semrun, NamesTheSegmentTheCauseAndTheRemedyOfAnError) {
    (void)home->ownerless("count");
    const auto other_kind = run({"count", "true"});
    EXPECT_EQ(other_kind.status, 125);
    expect_complaint(other_kind, "segment \"" + home.name() + "\", semaphore \"count\"", "choose another name");

    const auto bad_name = run({"a/b", "true"});
    EXPECT_EQ(bad_name.status, 2);
    expect_complaint(bad_name, "semaphore \"a/b\"", "1 to 47 bytes");

    const auto too_many = run({"-n", "100000", "x", "true"});
    EXPECT_EQ(too_many.status, 125);
    expect_complaint(too_many, "semaphore \"x\"", "ask for fewer");

    const test_name foreign;
    make_file(foreign.name(), std::string(100'000, 'x'));
    const auto not_ours = run_tool("semrun", {"-s", foreign.name(), "x", "true"});
    EXPECT_EQ(not_ours.status, 125);
    expect_complaint(not_ours, "segment \"" + foreign.name() + "\"", "--segment");
}

TEST_F(Semrun, LetsNoNameControlTheTerminal) {
    const auto result = run({"x\x1b[2J", "true"});
    EXPECT_EQ(result.status, 2);
    EXPECT_THAT(result.err, AllOf(HasSubstr("\\x1b"), Not(HasSubstr("\x1b"))));
}

TEST_F(Semrun, IsRefusedAnotherUsersSegmentUnlessThatOneSharesIt) {
    if (!is_root()) GTEST_SKIP() << needs_root;
    test_segment shared(small_limits, sharing::everyone);
    as_nobody([&] {
        const auto refused = run_tool("semrun", {"-s", home.name(), "x", "true"});
        EXPECT_EQ(refused.status, 125);
        expect_complaint(refused, home.name(), "choose another --segment");
        const auto unasked = run_tool("semrun", {"-s", shared.name(), "x", "true"});
        EXPECT_EQ(unasked.status, 125);
        EXPECT_EQ(run_tool("semrun", {"-s", shared.name(), "--share", "everyone", "x", "true"}).status, 0);
    });
}

TEST_F(Semrun, SaysThatSharedMemoryIsFull) {
    if (!is_root()) GTEST_SKIP() << needs_root;
    in_child([&] {
        if (!has_private_mounts() || ::mount("none", "/dev/shm", "tmpfs", 0, "size=64k") != 0) return;
        const auto full = run_tool("semrun", {"-s", "too-big", "x", "true"});
        EXPECT_EQ(full.status, 125);
        expect_complaint(full, "segment \"too-big\"", "/dev/shm has no room");
    });
}

TEST_F(Semrun, PrintsHelp) {
    const auto result = run({"--help"});
    EXPECT_EQ(result.status, 0);
    EXPECT_THAT(result.out, HasSubstr("Examples:"));
    EXPECT_EQ(result.err, "");
}

}  // namespace
}  // namespace shmsem::test
