#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "semrun_scene.hpp"

// A command for each line: how many at once, what comes out, what happens when one fails.

namespace shmsem::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string numbers(int n) {
    std::string result;
    for (int i = 1; i <= n; ++i) result += std::to_string(i) + '\n';
    return result;
}

std::vector<std::string> sorted_lines(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> result;
    for (std::string line; std::getline(in, line);) result.push_back(line);
    std::sort(result.begin(), result.end());
    return result;
}

/// How many there were at once at most, from a log in which '+' is one more and '-' one less.
int most_at_once(const std::string& log) {
    int now = 0;
    int most = 0;
    for (const char c : log) {
        if (c == '+') most = std::max(most, ++now);
        if (c == '-') --now;
    }
    return most;
}

TEST_F(Semrun, EachRunsACommandForEachLine) {
    const auto result = run_with("a\nb c\n\nlast", {"x", "--each", "--", "printf", "<{}>\n"});
    EXPECT_EQ(result.status, 0);
    EXPECT_EQ(result.out, "<a>\n<b c>\n<>\n<last>\n") << "one permit: one after the other";
    EXPECT_THAT(result.err, HasSubstr("semrun: x: 4 jobs in "));
    EXPECT_THAT(result.err, HasSubstr("4 succeeded, 0 failed"));
}

TEST_F(Semrun, EachRunsTheOthersWhenOneLineIsTooLongForACommand) {
    std::string lines(200'000, 'x');
    lines += "\nb\nc\n";
    const auto result = run_with(lines, {"x", "--each", "--", "echo"});
    EXPECT_EQ(result.out, "b\nc\n");
    EXPECT_EQ(result.status, 123);
    EXPECT_THAT(result.err, HasSubstr("2 succeeded, 1 failed"));
}

TEST_F(Semrun, EachRefusesALineWithANulByteAndNamesTheOption) {
    const auto result = run_with(std::string("a\0b\0", 4), {"x", "--each", "--", "echo"});
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.status, 125);
    EXPECT_THAT(result.err, HasSubstr("--null"));
}

TEST_F(Semrun, EachGoesOnAfterASignalThatItWasToldToIgnore) {
    auto running = start({"x", "--each", "--", "sh", "-c", "echo >> began; while [ ! -e go ]; do sleep 0.01; done"},
                         numbers(3), [] { ::signal(SIGHUP, SIG_IGN); });
    ASSERT_TRUE(eventually([&] { return !content("began").empty(); }));
    running.process.send(SIGHUP);
    leave("go");
    EXPECT_EQ(running.status(), 0) << running.err->text();
    EXPECT_TRUE(running.says("3 succeeded, 0 failed"));
}

TEST_F(Semrun, EachRunsNoMoreAtOnceThanThereArePermitsEvenInTwoPlaces) {
    const std::vector<std::string> arguments{
        "-n", "3", "x", "-j", "4", "--each", "--", "sh", "-c", "printf + >> log; sleep 0.01; printf - >> log", "sh"};
    auto one = start(arguments, numbers(25));
    auto two = start(arguments, numbers(25));
    EXPECT_EQ(one.status(), 0) << one.err->text();
    EXPECT_EQ(two.status(), 0) << two.err->text();
    const std::string log = content("log");
    EXPECT_EQ(log.size(), 100U);
    EXPECT_LE(most_at_once(log), 3);
}

TEST_F(Semrun, EachRunsAsManyAtOnceAsThereArePermitsAndNoMoreThanAsked) {
    // Each waits until so many have begun; would there be fewer at once, this would never end.
    const std::string together = "echo > began{}; while [ $(ls began* | wc -l) -lt 3 ]; do sleep 0.01; done";
    EXPECT_EQ(run_with(numbers(3), {"-n", "3", "x", "--each", "--", "sh", "-c", together}).status, 0);
    const auto one = run_with(numbers(9), {"x", "-j", "1", "--each", "--", "sh", "-c", "printf +- >> log; echo {}"});
    EXPECT_EQ(one.status, 0);
    EXPECT_EQ(one.out, numbers(9));
}

TEST_F(Semrun, EachPrintsWhatAJobPrintsInOnePiece) {
    // Both have begun before either goes on, and each waits for the other between its lines.
    const std::string script =
        "echo one {}; echo err {} >&2; echo > began{}; while [ $(ls began* | wc -l) -lt 2 ]; do sleep 0.01; done; "
        "echo two {}; echo err {} >&2";
    const auto result = run_with("A\nB\n", {"-n", "2", "x", "--each", "-q", "--", "sh", "-c", script});
    EXPECT_EQ(result.status, 0);
    EXPECT_THAT(result.out, AllOf(HasSubstr("one A\ntwo A\n"), HasSubstr("one B\ntwo B\n")));
    EXPECT_THAT(result.err, AllOf(HasSubstr("err A\nerr A\n"), HasSubstr("err B\nerr B\n")));
}

TEST_F(Semrun, EachOfNothingIsASuccess) {
    const auto result = run_with("", {"x", "--each", "--", "touch", "ran"});
    EXPECT_EQ(result.status, 0);
    EXPECT_NE(::access(path("ran").c_str(), F_OK), 0);
    EXPECT_EQ(run({"x", "--each", "--", "false"}, [] { ::close(STDIN_FILENO); }).status, 0) << "closed is empty";
}

TEST_F(Semrun, EachTakesManyLines) {
    const int n = rounds(1000);
    const auto result = run_with(numbers(n), {"-n", "4", "x", "--each", "-q", "--", "echo"});
    EXPECT_EQ(result.status, 0) << result.err;
    std::vector<std::string> expected = sorted_lines(numbers(n));
    EXPECT_EQ(sorted_lines(result.out), expected);
}

TEST_F(Semrun, EachTakesAnyBytesAsAnArgument) {
    const std::vector<std::string> odd{
        "-n",           "--", "a b", "line\nfeed", "\"quoted\" 'too'",       "$(touch ran); `touch ran`",
        "\xff\xfe\x01", "*",  "{}",  "",           std::string(100'000, 'x')};
    std::string input;
    for (const auto& item : odd) input += item + '\0';
    const auto result = run_with(input, {"x", "--each", "-0", "-q", "--", "printf", "%s\\0"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, input);
    EXPECT_NE(::access(path("ran").c_str(), F_OK), 0);
}

TEST_F(Semrun, EachTellsFailedJobsAndGoesOn) {
    const auto result = run_with(numbers(6), {"-n", "2", "x", "--each", "--", "sh", "-c", "exit $(({} % 3 == 0 ? 7 : 0))"});
    EXPECT_EQ(result.status, 123);
    EXPECT_THAT(result.err, AllOf(HasSubstr("\"3\" failed with exit status 7"), HasSubstr("\"6\" failed with exit status 7"),
                                  HasSubstr("4 succeeded, 2 failed")));
}

TEST_F(Semrun, EachWithHaltSoonStartsNoMoreAndLetsTheOthersEnd) {
    const std::string script =
        "echo > began{}; while [ $(ls began* | wc -l) -lt 2 ]; do sleep 0.01; done; [ {} = 1 ] && exit 1; "
        "while [ ! -e go ]; do sleep 0.01; done; echo > whole{}";
    semaphore x = home->semaphore("x", {.permits = 2});
    auto result = start({"x", "--each", "--halt", "soon", "--", "sh", "-c", script}, numbers(5));
    EXPECT_TRUE(eventually([&] { return x.inspect().holders.size() == 1 && ::access(path("began2").c_str(), F_OK) == 0; }));
    leave("go");
    EXPECT_EQ(result.status(), 123);
    EXPECT_EQ(::access(path("whole2").c_str(), F_OK), 0);
    EXPECT_NE(::access(path("began3").c_str(), F_OK), 0);
    EXPECT_THAT(result.err->text(), HasSubstr("1 succeeded, 1 failed, 3 not run"));
}

TEST_F(Semrun, EachWithHaltNowEndsTheOthersToo) {
    const std::string script =
        "echo > began{}; while [ $(ls began* | wc -l) -lt 2 ]; do sleep 0.01; done; [ {} = 1 ] && exit 1; exec sleep 1000";
    const auto result = run_with(numbers(5), {"-n", "2", "x", "--each", "--halt", "now", "--", "sh", "-c", script});
    EXPECT_EQ(result.status, 123);
    EXPECT_THAT(result.err, HasSubstr("0 succeeded, 2 failed, 3 not run"));
}

TEST_F(Semrun, EachStopsWhenTheCommandCannotBeRun) {
    const auto none = run_with(numbers(5), {"x", "--each", "--", "no-such-command-at-all"});
    EXPECT_EQ(none.status, 127);
    EXPECT_THAT(none.err,
                AllOf(HasSubstr("cannot run \"no-such-command-at-all\""), HasSubstr("1 failed, "), HasSubstr("4 not run")));
    EXPECT_EQ(run_with(numbers(5), {"x", "--each", "--", "/etc/passwd"}).status, 126);
}

TEST_F(Semrun, EachCountsALineThatCannotBeRunAsAFailedJobWhenTheLineIsTheCommand) {
    const auto result = run_with("true\nno-such-command-at-all\necho\n", {"x", "--each", "--", "{}"});
    EXPECT_EQ(result.status, 123);
    EXPECT_EQ(result.out, "\n");
    EXPECT_THAT(result.err, AllOf(HasSubstr("cannot run \"no-such-command-at-all\""), HasSubstr("2 succeeded, 1 failed")));
}

TEST_F(Semrun, EachGivesJobsSeatsOfTheirOwnAndNothingToRead) {
    const std::string script =
        "cat; echo > seat$SEAT; while [ $(ls seat* | wc -l) -lt 3 ]; do sleep 0.01; done; ls -l /proc/$$/fd; echo {}";
    const auto result =
        run_with(numbers(3), {"-n", "3", "x", "--each", "--seat-env", "SEAT", "-q", "--", "sh", "-c", script});
    EXPECT_EQ(result.status, 0);
    EXPECT_THAT(result.out, AllOf(Not(HasSubstr("shmsem.")), Not(HasSubstr("signalfd")), Not(HasSubstr("eventfd"))));
    for (const char* file : {"seat0", "seat1", "seat2"}) EXPECT_EQ(::access(path(file).c_str(), F_OK), 0) << file;
}

TEST_F(Semrun, EachShowsTheLineAsTheLabelOfItsPermit) {
    auto result = start({"x", "--each", "--", "sh", "-c", "echo $$ > pid; exec sleep 1000", "{}"}, "movie.mkv\n");
    ASSERT_GT(pid_in("pid"), 0);
    const auto seen = home->find("x").inspect();
    ASSERT_EQ(seen.holders.size(), 1U);
    EXPECT_EQ(seen.holders[0].label, "movie.mkv");
}

TEST_F(Semrun, EachKilledTakesAllItsJobsAlong) {
    auto result = start({"-n", "2", "x", "--each", "--", "sh", "-c", "echo $$ > pid{}; exec sleep 1000"}, numbers(2));
    const pid_t one = pid_in("pid1");
    const pid_t two = pid_in("pid2");
    ASSERT_GT(one, 0);
    ASSERT_GT(two, 0);
    EXPECT_TRUE(result.process.kill());
    EXPECT_TRUE(eventually([&] { return ended(one) && ended(two); }));
    EXPECT_EQ(run({"x", "--weight", "2", "true"}).status, 0) << "both permits are free";
}

TEST_F(Semrun, EachHandsASignalToWholeJobsAndStartsNoMore) {
    // The job's own child is in its process group, and goes too.
    auto result = start({"x", "--each", "--", "sh", "-c", "sleep 1000 & echo $! > pid; wait"}, numbers(2));
    const pid_t grandchild = pid_in("pid");
    ASSERT_GT(grandchild, 0);
    result.process.send(SIGTERM);
    EXPECT_EQ(result.status(), 128 + SIGTERM);
    EXPECT_TRUE(eventually([&] { return ended(grandchild); }));
    EXPECT_THAT(result.err->text(), HasSubstr("0 succeeded, 1 failed, 1 not run"));
}

TEST_F(Semrun, EachEndsAJobWhosePermitWasLost) {
    auto result = start({"x", "--each", "--ttl", "1s", "--", "sh", "-c", "echo $$ > pid; exec sleep 1000"}, "one\n");
    const pid_t command = pid_in("pid");
    ASSERT_GT(command, 0);
    result.process.stop();
    { const lease other = home->find("x").acquire(); }
    result.process.cont();
    EXPECT_EQ(result.status(), 123);
    EXPECT_TRUE(eventually([&] { return ended(command); }));
    EXPECT_THAT(result.err->text(), AllOf(HasSubstr("\"one\": the permit was lost"), HasSubstr("was ended, since")));
}

TEST_F(Semrun, EachGivesUpWhenThereIsNoPermitInTime) {
    semaphore x = home->semaphore("x", {.permits = 1});
    const lease held = x.acquire();
    const auto result = run_with(numbers(3), {"x", "--each", "-w", "20ms", "-E", "42", "--", "touch", "ran"});
    EXPECT_EQ(result.status, 42);
    EXPECT_THAT(result.err, AllOf(HasSubstr("no permit in 20ms"), HasSubstr("3 not run")));
    EXPECT_NE(::access(path("ran").c_str(), F_OK), 0);
}

TEST_F(Semrun, EachVerboselySaysItsPlaceInLine) {
    semaphore x = home->semaphore("x", {.permits = 1});
    lease held = x.acquire({.label = "make"});
    auto result = start({"x", "--each", "-v", "--", "echo"}, "a\n");
    EXPECT_TRUE(result.says("1st in line, held by pid " + std::to_string(::getpid()) + " make for ")) << result.err->text();
    held.release();
    EXPECT_EQ(result.status(), 0);
    EXPECT_THAT(result.err->text(), AllOf(HasSubstr("\"a\" has seat 0"), HasSubstr("\"a\" is done")));
}

TEST_F(Semrun, EachEndsWhenNobodyReadsItsOutput) {
    int nobody_reads[2];
    ASSERT_EQ(::pipe(nobody_reads), 0);
    ::close(nobody_reads[0]);
    auto result = start({"-n", "2", "x", "--each", "--", "sh", "-c", "echo {}; [ {} = 1 ] || exec sleep 1000"}, numbers(2),
                        [&] { ::dup2(nobody_reads[1], STDOUT_FILENO); });
    ::close(nobody_reads[1]);
    EXPECT_EQ(result.status(), 128 + SIGPIPE);
}

}  // namespace
}  // namespace shmsem::test
