#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "semrun_scene.hpp"

// Signals are forwarded, and what becomes of the command and the permit when either of the two processes is killed or
// stopped.

namespace shmsem::test {
namespace {

/// A shell that writes the name of each signal into the file "got", ends by USR2 with status 9, and says its pid when ready.
const char* const listener =
    "trap 'echo HUP >> got' HUP; trap 'echo INT >> got' INT; trap 'echo QUIT >> got' QUIT; trap 'echo TERM >> got' TERM; "
    "trap 'echo USR1 >> got' USR1; trap 'exit 9' USR2; echo $$ > pid; while :; do sleep 0.01; done";

TEST_F(Semrun, ForwardsSignalsToTheCommand) {
    auto running = start({"x", "--", "sh", "-c", listener});
    ASSERT_GT(pid_in("pid"), 0);
    std::string expected;
    for (const auto& [signal, name] : std::vector<std::pair<int, std::string>>{
             {SIGHUP, "HUP"}, {SIGINT, "INT"}, {SIGQUIT, "QUIT"}, {SIGTERM, "TERM"}, {SIGUSR1, "USR1"}}) {
        running.process.send(signal);
        expected += name + '\n';
        ASSERT_TRUE(eventually([&] { return content("got") == expected; })) << content("got");
    }
    running.process.send(SIGUSR2);
    EXPECT_EQ(running.status(), 9);
}

TEST_F(Semrun, HandsOnAnAlarmThatWasSetBeforeItStarted) {
    auto running = start(sleeper({"x", "--"}), {}, [] { ::alarm(1); });
    EXPECT_EQ(running.status(), 128 + SIGALRM);
}

TEST_F(Semrun, EndsWith128PlusTheSignalThatItForwarded) {
    auto running = start(sleeper({"x", "--"}));
    ASSERT_GT(pid_in("pid"), 0);
    running.process.send(SIGTERM);
    EXPECT_EQ(running.status(), 128 + SIGTERM);
}

TEST_F(Semrun, KilledTakesTheCommandAlongAndThePermitGoesToTheNextInLine) {
    for (int round = 0; round < 3; ++round) {
        auto holder = start(sleeper({"x", "--"}, "pid" + std::to_string(round)));
        const pid_t command = pid_in("pid" + std::to_string(round));
        ASSERT_GT(command, 0);
        auto next = start({"x", "--", "true"});
        ASSERT_TRUE(queued(home->find("x"), 1));
        EXPECT_TRUE(holder.process.kill());
        EXPECT_EQ(next.status(), 0);
        EXPECT_TRUE(eventually([&] { return ended(command); }));
    }
}

TEST_F(Semrun, KilledAtAnyTimeLeavesNeitherCommandNorPermitBehind) {
    for (int round = 0; round < rounds(20); ++round) {
        auto holder = start(sleeper({"x", "--"}, "early"));
        // Anywhere from before main to after exec: the command's pid is in the file, or it never came that far.
        std::this_thread::sleep_for(std::chrono::microseconds{150} * round);
        EXPECT_TRUE(holder.process.kill());
        EXPECT_EQ(run({"x", "true"}).status, 0);
        if (const std::string pid = content("early"); pid.ends_with('\n')) {
            EXPECT_TRUE(eventually([&] { return ended(std::stoi(pid)); }));
        }
        ::unlink(path("early").c_str());
    }
}

TEST_F(Semrun, StopsWithTheCommandAndGoesOnWithIt) {
    auto running = start({"x", "--ttl", "forever", "--", "sh", "-c", listener});
    const pid_t command = pid_in("pid");
    ASSERT_GT(command, 0);
    running.process.send(SIGTSTP);
    ASSERT_TRUE(eventually([&] { return stopped(running.process.pid()) && stopped(command); }));
    EXPECT_EQ(run({"x", "--nonblock", "true"}).status, 1) << "with --ttl forever it keeps the permit meanwhile";
    running.process.send(SIGCONT);
    ASSERT_TRUE(eventually([&] { return !stopped(running.process.pid()) && !stopped(command); }));
    running.process.send(SIGUSR2);
    EXPECT_EQ(running.status(), 9);
}

TEST_F(Semrun, LeavesTheSignalsOfTheTerminalToTheTerminal) {
    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ASSERT_GE(terminal, 0);
    ASSERT_EQ(::grantpt(terminal), 0);
    ASSERT_EQ(::unlockpt(terminal), 0);
    const std::string name = ::ptsname(terminal);
    const std::string program = SHMSEM_BIN_DIR "/semrun";
    auto session = fork_child([&] {
        default_signals();
        ::setsid();
        const int tty = ::open(name.c_str(), O_RDWR);
        ::ioctl(tty, TIOCSCTTY, 0);
        for (int fd = 0; fd < 3; ++fd) ::dup2(tty, fd);
        if (::chdir(path("").c_str()) != 0) return failed_in_child;
        ::execl(program.c_str(), "semrun", "--segment", home.name().c_str(), "x", "--", "sh", "-c", listener, nullptr);
        return failed_in_child;
    });
    ASSERT_GT(pid_in("pid"), 0);
    ASSERT_EQ(::write(terminal, "\x03", 1), 1);  // Ctrl-C
    ASSERT_TRUE(eventually([&] { return content("got") == "INT\n"; }));
    // Forwarded in the order in which they came: a second SIGINT would be here before this one.
    session.send(SIGUSR1);
    ASSERT_TRUE(eventually([&] { return content("got").ends_with("USR1\n"); }));
    EXPECT_EQ(content("got"), "INT\nUSR1\n");
    session.send(SIGUSR2);
    EXPECT_EQ(session.wait_exit(), 9);
    ::close(terminal);
}

// ---- the loss of the lease

class SemrunFrozen : public Semrun {
   protected:
    /// Stops it for longer than its ttl, lets somebody else have the permit, and lets it go on.
    void freeze_and_thaw(running& which) {
        which.process.stop();
        const lease other = home->find("x").acquire();
        EXPECT_TRUE(other.valid());
        which.process.cont();
    }
};

TEST_F(SemrunFrozen, EndsTheCommandWhenThePermitWasLost) {
    auto running = start(sleeper({"x", "--ttl", "1s", "--"}));
    const pid_t command = pid_in("pid");
    ASSERT_GT(command, 0);
    freeze_and_thaw(running);
    EXPECT_EQ(running.status(), 124);
    EXPECT_TRUE(eventually([&] { return ended(command); }));
    EXPECT_THAT(running.err->text(),
                ::testing::HasSubstr("segment \"" + home.name() + "\", semaphore \"x\": the permit was lost"));
}

TEST_F(SemrunFrozen, KillsACommandThatDoesNotEndInTime) {
    auto running = start({"x", "--ttl", "1s", "-k", "50ms", "--", "sh", "-c",
                          "trap 'echo > asked' TERM; echo $$ > pid; while :; do sleep 0.01; done"});
    const pid_t command = pid_in("pid");
    ASSERT_GT(command, 0);
    freeze_and_thaw(running);
    EXPECT_EQ(running.status(), 124);
    EXPECT_TRUE(eventually([&] { return ended(command); }));
}

TEST_F(SemrunFrozen, OnlyWarnsWhenAskedTo) {
    auto running = start({"x", "--ttl", "1s", "--lost", "warn", "--", "sh", "-c",
                          "echo $$ > pid; while [ ! -e go ]; do sleep 0.01; done; exit 5"});
    ASSERT_GT(pid_in("pid"), 0);
    freeze_and_thaw(running);
    EXPECT_TRUE(running.says("the command goes on without it"));
    leave("go");
    EXPECT_EQ(running.status(), 5);
}

TEST_F(SemrunFrozen, KeepsThePermitPastItsTtlAsLongAsItRuns) {
    auto running = start(sleeper({"x", "--ttl", "1s", "--"}));
    ASSERT_GT(pid_in("pid"), 0);
    semaphore x = home->find("x");
    EXPECT_FALSE(x.try_acquire_for(std::chrono::seconds{2})) << "renewed in the background";
    running.process.send(SIGTERM);
    EXPECT_EQ(running.status(), 128 + SIGTERM);
}

}  // namespace
}  // namespace shmsem::test
