#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <regex>
#include <string>

#include <linux/capability.h>

#include "run_tool.hpp"
#include "shmsem/shmsem.hpp"
#include "support/raw_segment.hpp"
#include "support/shmsem_test.hpp"
#include "tmux.hpp"

// The real program in a real terminal, on real segments with real holders and waiters.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

// Its terminal, whatever that of the test is; colours as the terminal has unless told otherwise.
std::string semtop_command(const std::string& arguments, const std::string& environment = {}) {
    return "env -u NO_COLOR -u COLORTERM TERM=screen-256color LC_ALL=C.UTF-8 " + environment + ' ' + path_of_tool("semtop") +
           " -d 0.1 " + arguments;
}

class SemtopLive : public ::testing::Test {
   protected:
    void SetUp() override {
        if (!tmux::installed()) GTEST_SKIP() << "needs tmux; on Debian: apt-get install tmux";
    }
    /// A process that holds one permit, and holds on.
    [[nodiscard]] child hold(semaphore& of, const std::string& label) {
        shared<flag> held;
        child result = fork_child([&] {
            const lease mine = of.acquire({.tenant = "acme", .label = label});
            held->raise();
            for (;;) ::pause();
        });
        held->wait();
        return result;
    }
    /// One that waits for a permit, and keeps it then.
    [[nodiscard]] child wait_for(semaphore& of, const std::string& label) {
        const std::uint32_t before = of.stats().waiting;
        child result = fork_child([&] {
            const lease mine = of.acquire({.tenant = "globex", .label = label});
            for (;;) ::pause();
        });
        EXPECT_TRUE(queued(of, before + 1));
        return result;
    }

    watchdog guard{120s};
};

TEST_F(SemtopLive, ShowsHoldersAndWaitersAndEndsALeaseSoThatTheNextInLineGetsIt) {
    test_segment home;
    auto encode = home->semaphore("encode", {.permits = 1, .ttl = forever});
    const auto holder = hold(encode, "trailer");
    auto waiter = wait_for(encode, "bulk");
    const tmux screen(semtop_command(home.name()), 100, 30);
    screen.expect("/encode");
    screen.expect("1/1");
    screen.send({"Enter"});
    screen.expect("encode in " + home.name());
    screen.expect(std::to_string(holder.pid()));
    screen.expect("trailer");
    screen.expect("bulk");
    screen.expect("no ttl");

    screen.send({"e"});
    screen.expect("End the lease of");
    screen.send({"n"});
    screen.expect("nothing was changed");
    EXPECT_EQ(encode.stats().total_ended, 0U);
    screen.send({"e"});
    screen.expect("End the lease of");
    screen.send({"y"});
    screen.expect("the lease of seat 0 of encode in " + home.name() + " was ended");
    EXPECT_TRUE(eventually([&] {
        const auto holders = encode.inspect().holders;
        return holders.size() == 1 && holders[0].pid == static_cast<std::uint32_t>(waiter.pid());
    }));
    screen.expect("nobody waits");
    screen.expect("ended 1");
    screen.send({"q"});
    screen.expect("left with 0");
    waiter.kill();
}

TEST_F(SemtopLive, PausesAndResumesGranting) {
    test_segment home;
    auto encode = home->semaphore("encode", {.permits = 2});
    const auto holder = hold(encode, "trailer");
    const tmux screen(semtop_command(home.name()), 120, 24);
    screen.expect("encode");
    screen.send({"p"});
    screen.expect("Pause granting of encode in");
    screen.send({"y"});
    screen.expect("is paused; p resumes it");
    EXPECT_TRUE(encode.paused());
    EXPECT_FALSE(encode.try_acquire());
    screen.send({"j"});
    screen.expect("granting is paused");
    screen.send({"p"});
    screen.expect("Resume granting of encode in");
    screen.send({"y"});
    screen.expect("goes on");
    EXPECT_FALSE(encode.paused());
}

TEST_F(SemtopLive, PausesAnOwnerlessSemaphoreToo) {
    test_segment home;
    auto items = home->ownerless("items", {.initial = 0, .max = 7});
    const tmux screen(semtop_command("--all " + home.name()), 120, 24);
    screen.expect("count 0");
    screen.send({"p"});
    screen.expect("Pause granting of items");
    screen.send({"y"});
    screen.expect("is paused; p resumes it");
    EXPECT_TRUE(items.paused());
}

TEST_F(SemtopLive, ResizesASemaphore) {
    test_segment home;
    auto encode = home->semaphore("encode", {.permits = 1, .max_permits = 4});
    const auto holder = hold(encode, "trailer");
    const tmux screen(semtop_command(home.name()), 120, 24);
    screen.expect("1/1");
    screen.send({"z"});
    screen.expect("New number of permits");
    screen.send({"3", "Enter"});
    screen.expect("Resize encode in");
    screen.send({"y"});
    screen.expect("has 3 permits now");
    screen.expect("1/3");
    EXPECT_EQ(encode.permits(), 3U);
    screen.send({"z", "9", "Enter"});
    screen.expect("Resize encode in");
    screen.send({"y"});
    screen.expect("semaphore 'encode'");
    EXPECT_EQ(encode.permits(), 3U) << "more than max_permits is refused in words";
}

TEST_F(SemtopLive, FiltersAndSorts) {
    test_segment home;
    for (const char* name : {"zebra", "apple", "mango"}) (void)home->semaphore(name, {.permits = 2});
    auto mango = home->find("mango");
    const auto holder = hold(mango, "x");
    const tmux screen(semtop_command("--all --sort name " + home.name()), 80, 24);
    const auto order = [&] {
        const std::string text = screen.text();
        std::string result;
        for (std::size_t at = text.find('/'); at != std::string::npos; at = text.find('/', at + 1)) {
            if (text[at + 1] >= 'a' && text[at + 1] <= 'z') result += text[at + 1];
        }
        return result.substr(0, 3);
    };
    screen.expect("zebra");
    EXPECT_TRUE(eventually([&] { return order() == "amz"; })) << screen.text();
    screen.send({"I"});
    EXPECT_TRUE(eventually([&] { return order() == "zma"; })) << screen.text();
    screen.send({"I", ">"});
    EXPECT_TRUE(eventually([&] { return order() == "maz"; })) << "by use\n" << screen.text();
    screen.send({"/", "e", "b", "r", "Enter"});
    screen.expect_not("mango");
    screen.expect("only ebr");
    screen.send({"Escape"});
    screen.expect("mango");
    screen.send({"?"});
    screen.expect("Where to look");
    screen.send({"Escape"});
    screen.expect_not("Where to look");
}

TEST_F(SemtopLive, ReapsWhatADeadHolderLeft) {
    test_name name;
    auto last = fork_child([&] {
        auto home = segment::create(name.name(), small_limits);
        auto encode = home.semaphore("encode", {.permits = 2, .ttl = forever});
        const lease mine = encode.acquire({.label = "lost"});
        ::kill(::getpid(), SIGKILL);
    });
    ASSERT_EQ(last.wait_signal(), SIGKILL);
    const tmux screen(semtop_command(name.name()), 100, 24);
    screen.expect("1/2");
    screen.send({"Enter"});
    screen.expect("dead");
    screen.send({"r"});
    screen.expect("Take back every permit in");
    screen.send({"y"});
    screen.expect("took back 1 permit");
    screen.expect("nobody holds a permit");
    EXPECT_EQ(segment::open(name.name(), access::read_only).find("encode").available(), 2U);
}

// Root may write what is marked read-only; without this capability, which an exec by root would give back, it may not.
void obey_file_modes() { ::prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE); }

TEST_F(SemtopLive, RefusesActionsWithoutWritePermissionInWordsAndGoesOn) {
    test_segment home;
    auto encode = home->semaphore("encode", {.permits = 1, .ttl = forever});
    const auto holder = hold(encode, "trailer");
    ASSERT_EQ(::chmod(home.path().c_str(), 0400), 0);
    const tmux screen(semtop_command(home.name()), 120, 24, obey_file_modes);
    screen.expect("1/1");
    for (const auto& keys : std::vector<std::vector<std::string>>{{"p"}, {"r"}, {"z", "2", "Enter"}, {"Enter", "e"}}) {
        screen.send(keys);
        screen.expect("y yes");
        screen.send({"y"});
        screen.expect(home.name() + "'");
        screen.expect("refused access: check");
        screen.send({"k"});
        screen.expect_not("refused access");
    }
    EXPECT_FALSE(encode.paused());
    EXPECT_EQ(encode.stats().total_ended, 0U);
    EXPECT_EQ(encode.permits(), 1U);
}

TEST_F(SemtopLive, ASegmentThatVanishesOrIsTruncatedIsALine) {
    test_segment home;
    home.expect_broken();
    auto encode = home->semaphore("encode", {.permits = 1});
    auto holder = hold(encode, "trailer");
    test_name other;
    make_abandoned_segment(other.name(), small_limits);
    const tmux screen(semtop_command(home.name() + ' ' + other.name()), 120, 24);
    screen.expect("1/1");
    raw_segment(other.name()).truncate(8192);
    screen.expect("segment_truncated");
    segment::remove(home.name());
    screen.expect("segment_not_found");
    screen.send({"Enter"});
    screen.expect("Esc back");
    screen.send({"p"});
    screen.expect("select a semaphore first");
    segment::remove(other.name());
    make_file(other.name(), std::string(8192, 'x'));
    screen.expect("segment_foreign");
    screen.send({"q"});
    screen.expect("left with 0");
}

TEST_F(SemtopLive, FollowsTheSizeOfTheTerminalDownToOneCellAndBack) {
    test_segment home;
    auto encode = home->semaphore("encode", {.permits = 1});
    const auto holder = hold(encode, "trailer");
    const tmux screen(semtop_command(home.name()), 80, 24);
    screen.expect("q quit");
    screen.expect_not("WAIT99");
    screen.resize(200, 60);
    screen.expect("WAIT99");
    screen.resize(1, 1);
    screen.expect_not("encode");
    screen.resize(40, 10);
    screen.expect("HELD");
    screen.resize(80, 24);
    screen.expect("q quit");
    screen.expect("1/1");
}

TEST_F(SemtopLive, ColoursAreThoseThatAreAskedFor) {
    test_segment home;
    auto encode = home->semaphore("encode", {.permits = 1});
    const auto holder = hold(encode, "trailer");
    const std::regex colour("\x1b\\[[0-9;]*(3[0-7]|4[0-7]|[34]8;5|9[0-7]|10[0-7])[;m]");
    const std::regex of_256("\x1b\\[[0-9;]*[34]8;5;");
    const auto shown = [&](const std::string& arguments, const std::string& environment) {
        const tmux screen(semtop_command(arguments + ' ' + home.name(), environment), 80, 24);
        screen.expect("1/1");
        return screen.coloured();
    };
    EXPECT_TRUE(std::regex_search(shown("", ""), of_256)) << "the terminal has 256";
    EXPECT_FALSE(std::regex_search(shown("", "NO_COLOR=1"), colour));
    EXPECT_FALSE(std::regex_search(shown("--color never", ""), colour));
    EXPECT_TRUE(std::regex_search(shown("", "NO_COLOR="), colour)) << "an empty NO_COLOR is none";
    const std::string few = shown("--color 16", "NO_COLOR=1");
    EXPECT_TRUE(std::regex_search(few, colour)) << "an option is stronger than the environment";
    EXPECT_FALSE(std::regex_search(few, of_256));
    EXPECT_FALSE(std::regex_search(shown("--color 256", "TERM=vt100"), colour)) << "not more than the terminal has";
}

TEST_F(SemtopLive, IsPlainAsciiWhereTheLocaleIs) {
    test_segment home;
    auto encode = home->semaphore("\u00e9ncode", {.permits = 1});
    const auto holder = hold(encode, "trailer");
    for (const std::string environment : {"LC_ALL=C", "LC_ALL=C.UTF-8"}) {
        const tmux screen(semtop_command((environment == "LC_ALL=C" ? "" : "--ascii ") + home.name(), environment), 80, 24);
        screen.expect("[#");
        screen.send({"Enter"});
        screen.expect("\\u{e9}ncode in");
        for (const char c : screen.text()) EXPECT_LT(static_cast<unsigned char>(c), 0x7f);
    }
}

TEST_F(SemtopLive, GivesTheTerminalBackWhenItIsToldToEnd) {
    test_segment home;
    for (const int signal : {SIGTERM, SIGINT}) {
        const tmux screen(semtop_command(home.name()), 80, 24);
        screen.expect("q quit");
        ASSERT_EQ(::kill(screen.command(), signal), 0);
        screen.expect("left with " + std::to_string(128 + signal));
        screen.expect(" icanon");
        screen.expect(" echo ");
        EXPECT_THAT(screen.text(), Not(HasSubstr("q quit"))) << "the screen from before is back";
    }
}

TEST_F(SemtopLive, CanBeStoppedAndGoesOn) {
    test_segment home;
    auto encode = home->semaphore("encode", {.permits = 1});
    // A shell with job control: whose group nobody watches cannot be stopped.
    const tmux screen("set -m; " + semtop_command("--all " + home.name()) + "; echo stopped with $?; read x; fg", 80, 24);
    screen.expect("0/1");
    screen.send({"C-z"});
    screen.expect("stopped with 148");
    const auto holder = hold(encode, "trailer");
    screen.send({"Enter"});
    screen.expect("1/1");
    screen.send({"q"});
    screen.expect("left with 0");
}

TEST_F(SemtopLive, AnUnsuitableTerminalIsAClearError) {
    for (const std::string environment : {"TERM=dumb", "TERM=no-such-terminal", "-u TERM"}) {
        // env takes its options first.
        const std::string command = "env -u X " + environment + ' ' + path_of_tool("semtop");
        const tmux screen(command, 120, 24);
        screen.expect("left with 1");
        EXPECT_THAT(screen.text(), HasSubstr("semtop: ")) << environment;
        EXPECT_THAT(screen.text(), HasSubstr("--once")) << environment;
    }
}

TEST_F(SemtopLive, IsATableWhereInputOrOutputIsNoTerminal) {
    test_segment home;
    const tmux screen(semtop_command(home.name()) + " < /dev/null", 80, 24);
    screen.expect("left with 0");
    EXPECT_THAT(screen.text(), HasSubstr("segment " + home.name()));
}

TEST_F(SemtopLive, ShowsADeadlockWithItsMembers) {
    test_segment home;
    auto a = home->semaphore("first", {.permits = 1, .ttl = forever});
    auto b = home->semaphore("second", {.permits = 1, .ttl = forever});
    shared<barrier> both(2U);
    const auto crossing = [&](semaphore& one, semaphore& two) {
        return fork_child([&] {
            const lease mine = one.acquire();
            both->arrive_and_wait();
            const lease never = two.acquire();
            for (;;) ::pause();
        });
    };
    auto one = crossing(a, b);
    auto two = crossing(b, a);
    ASSERT_TRUE(queued(a, 1) && queued(b, 1));
    const tmux screen(semtop_command(home.name()), 120, 24);
    screen.expect("DEADLOCK: 2 threads wait for each other");
    screen.send({"D"});
    screen.expect(std::to_string(one.pid()) + " holds first");
    screen.expect(std::to_string(two.pid()) + " holds second");
    two.kill();
    screen.expect("no deadlocks");
    one.kill();
}

}  // namespace
}  // namespace shmsem::test
