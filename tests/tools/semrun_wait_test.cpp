#include <gmock/gmock.h>
#include <unistd.h>

#include "semrun_scene.hpp"

// The wait in line: giving up, saying how it goes, being ended.

namespace shmsem::test {
namespace {

using ::testing::HasSubstr;

class SemrunInLine : public Semrun {
   protected:
    semaphore busy = home->semaphore("x", {.permits = 1, .max_permits = 4});
    lease held = busy.acquire({.label = "make"});
};

TEST_F(SemrunInLine, WithNonblockGivesUpAtOnce) {
    const auto result = run({"x", "--nonblock", "--", "touch", "ran"});
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(result.err, "") << "silent, as flock(1)";
    EXPECT_NE(::access(path("ran").c_str(), F_OK), 0);
    EXPECT_EQ(busy.stats().total_queued, 0U);
}

TEST_F(SemrunInLine, GivesUpAfterTheTimeout) {
    EXPECT_EQ(run({"x", "-w", "20ms", "--", "touch", "ran"}).status, 1);
    EXPECT_NE(::access(path("ran").c_str(), F_OK), 0);
    EXPECT_EQ(busy.stats().waiting, 0U);
}

TEST_F(SemrunInLine, GivesUpWithTheStatusThatWasChosen) {
    EXPECT_EQ(run({"x", "-w", "0", "-E", "75", "true"}).status, 75);
    EXPECT_EQ(run({"x", "--nonblock", "-E", "0", "false"}).status, 0);
    EXPECT_EQ(run({"x", "-v", "-w", "20ms", "-E", "42", "true"}).status, 42);
}

TEST_F(SemrunInLine, RunsWhenThePermitComesInTime) {
    auto waiter = start({"x", "-w", "1h", "--", "true"});
    ASSERT_TRUE(queued(busy, 1));
    held.release();
    EXPECT_EQ(waiter.status(), 0);
}

TEST_F(SemrunInLine, IsServedInTheOrderOfArrival) {
    std::vector<running> all;
    for (std::uint32_t i = 0; i < 4; ++i) {
        // Odd ones are verbose: to look at the line costs nobody's place in it.
        all.push_back(start({i % 2 != 0 ? "-v" : "-w1h", "x", "--", "sh", "-c", "echo " + std::to_string(i) + " >> order"}));
        ASSERT_TRUE(queued(busy, i + 1));
    }
    held.release();
    for (auto& each : all) EXPECT_EQ(each.status(), 0);
    EXPECT_EQ(content("order"), "0\n1\n2\n3\n");
    EXPECT_EQ(busy.stats().inversions, 0U);
}

TEST_F(SemrunInLine, VerboselySaysItsPlaceWhoHoldsThePermitAndWhatItGot) {
    auto first = start({"x", "-v", "--", "true"});
    ASSERT_TRUE(queued(busy, 1));
    auto second = start({"x", "-v", "--", "true"});
    ASSERT_TRUE(queued(busy, 2));
    const std::string holder = "held by pid " + std::to_string(::getpid()) + " make for ";
    EXPECT_TRUE(first.says("semrun: x: 1st in line, " + holder)) << first.err->text();
    EXPECT_TRUE(second.says("semrun: x: 2nd in line, " + holder)) << second.err->text();
    const auto queued_before = busy.stats().total_queued;
    held.release();
    EXPECT_EQ(first.status(), 0);
    EXPECT_EQ(second.status(), 0);
    EXPECT_THAT(first.err->text(), HasSubstr("semrun: x: has seat 0 (token "));
    EXPECT_THAT(second.err->text(), HasSubstr("exit status 0"));
    EXPECT_EQ(busy.stats().total_queued, queued_before) << "nobody queued anew to report";
}

TEST_F(SemrunInLine, VerboselySaysThatItGaveUp) {
    EXPECT_THAT(run({"x", "-v", "--nonblock", "true"}).err, HasSubstr("semrun: x: no permit is free"));
    EXPECT_THAT(run({"x", "-v", "-w", "20ms", "true"}).err, HasSubstr("semrun: x: no permit in 20ms"));
}

TEST_F(SemrunInLine, LeavesTheLineWhenASignalEndsIt) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGKILL}) {
        auto waiter = start({"x", signal == SIGTERM ? "-v" : "-w1h", "--", "touch", "ran"});
        ASSERT_TRUE(queued(busy, 1));
        waiter.process.send(signal);
        EXPECT_EQ(waiter.process.wait_signal(), signal);
        EXPECT_TRUE(eventually([&] { return busy.stats().waiting == 0; }));
    }
    held.release();
    EXPECT_EQ(run({"x", "--nonblock", "true"}).status, 0) << "nobody was given it in vain";
    EXPECT_NE(::access(path("ran").c_str(), F_OK), 0);
}

TEST_F(SemrunInLine, SeenFromOutsideHasTheNameOfItsWork) {
    auto waiter = start({"x", "--tenant", "acme", "--", "true"});
    ASSERT_TRUE(queued(busy, 1));
    const auto seen = busy.inspect();
    ASSERT_EQ(seen.waiters.size(), 1U);
    EXPECT_EQ(seen.waiters[0].label, "true");
    EXPECT_EQ(seen.waiters[0].tenant, "acme");
    EXPECT_EQ(seen.waiters[0].command, "semrun");
}

}  // namespace
}  // namespace shmsem::test
