#include <gmock/gmock.h>

#include <string>

#include "run_tool.hpp"
#include "shmsem/shmsem.hpp"
#include "support/shmsem_test.hpp"

// The real program on a semaphore that a process holds and another waits for: end, pause, resume.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

tool_result semctl(const std::vector<std::string>& arguments) { return run_tool("semctl", arguments); }

class SemctlWithHolderAndWaiter : public ::testing::Test {
   protected:
    SemctlWithHolderAndWaiter() {
        encode = home->semaphore("encode", {.permits = 1, .ttl = forever});
        holder = fork_child([&] {
            lease mine = encode.acquire({.tenant = "acme", .label = "trailer"});
            held->raise();
            asked->wait();
            return mine.valid() ? 0 : 1;
        });
        held->wait();
        waiter = fork_child([&] {
            const lease mine = encode.acquire({.label = "next"});
            served->raise();
            for (;;) ::pause();
        });
        EXPECT_TRUE(queued(encode, 1));
    }
    ~SemctlWithHolderAndWaiter() override {
        waiter.kill();
        if (!holder.reaped()) holder.kill();
    }

    std::uint64_t token() { return encode.inspect().holders.at(0).token; }

    watchdog guard{120s};
    test_segment home;
    semaphore encode;
    shared<flag> held;
    shared<flag> asked;
    shared<flag> served;
    child holder;
    child waiter;
};

TEST_F(SemctlWithHolderAndWaiter, EndGivesThePermitToTheNextAndSaysWhomItTookItFrom) {
    const std::string before = std::to_string(token());
    const auto result = semctl({"end", home.name(), "encode", "0"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.out,
                AllOf(StartsWith("ended the lease of seat 0 of semaphore 'encode' in segment '" + home.name() + "'"),
                      HasSubstr("token " + before), HasSubstr("pid " + std::to_string(holder.pid())),
                      HasSubstr("label 'trailer'"), HasSubstr("tenant 'acme'")));
    served->wait();
    asked->raise();
    EXPECT_EQ(holder.wait_exit(), 1) << "its lease is lost, and its process goes on";
    EXPECT_EQ(encode.stats().total_ended, 1U);
}

TEST_F(SemctlWithHolderAndWaiter, EndNeverEndsALaterLease) {
    const std::string old_token = std::to_string(token());
    EXPECT_EQ(semctl({"end", home.name(), "encode", "0", "--token", old_token}).status, 0);
    served->wait();
    const auto again = semctl({"end", home.name(), "encode", "0", "--token", old_token});
    EXPECT_EQ(again.status, 1);
    EXPECT_THAT(again.err, AllOf(StartsWith("semctl: semaphore 'encode' in segment '" + home.name() + "': "),
                                 HasSubstr("token " + old_token + " has ended"), HasSubstr("semctl show")));
    EXPECT_EQ(encode.inspect().holders.at(0).label, "next");
    asked->raise();
    EXPECT_EQ(holder.wait_exit(), 1);
}

TEST_F(SemctlWithHolderAndWaiter, EndOfASeatThatNobodyHoldsIsRefused) {
    (void)home->ownerless("items");
    for (const auto& [semaphore, why] : {std::pair{"encode", "nobody holds seat 1"}, std::pair{"items", "ownerless"},
                                         std::pair{"nix", "semaphore_not_found"}}) {
        const auto result = semctl({"end", home.name(), semaphore, "1"});
        EXPECT_EQ(result.status, 1);
        EXPECT_THAT(result.err, HasSubstr(why));
    }
    EXPECT_EQ(semctl({"end", home.name(), "encode", "first"}).status, 2);
    EXPECT_EQ(semctl({"end", home.name(), "encode", "0", "--token", "x"}).status, 2);
    asked->raise();
    EXPECT_EQ(holder.wait_exit(), 0) << "it still has its lease";
}

TEST_F(SemctlWithHolderAndWaiter, PauseKeepsWhatComesFreeUntilResume) {
    const auto paused = semctl({"pause", home.name(), "encode"});
    EXPECT_EQ(paused.status, 0) << paused.err;
    EXPECT_THAT(paused.out, AllOf(StartsWith("paused semaphore 'encode'"), HasSubstr("1 permit is held"),
                                  HasSubstr("semctl resume " + home.name() + " encode")));
    EXPECT_TRUE(encode.paused());
    EXPECT_THAT(semctl({"pause", home.name(), "encode"}).out, StartsWith("was paused already"));

    EXPECT_EQ(semctl({"end", home.name(), "encode", "0"}).status, 0);
    EXPECT_EQ(encode.available(), 1U);
    EXPECT_FALSE(served->raised());
    const auto resumed = semctl({"resume", home.name(), "encode"});
    EXPECT_EQ(resumed.status, 0) << resumed.err;
    EXPECT_THAT(resumed.out, AllOf(StartsWith("resumed semaphore 'encode'"), HasSubstr("1 waiter")));
    served->wait();
    EXPECT_THAT(semctl({"resume", home.name(), "encode"}).out, StartsWith("was not paused"));
    asked->raise();
    EXPECT_EQ(holder.wait_exit(), 1);
}

TEST_F(SemctlWithHolderAndWaiter, AnOwnerlessSemaphoreCanBePausedToo) {
    auto items = home->ownerless("items", {.initial = 1});
    EXPECT_EQ(semctl({"pause", home.name(), "items"}).status, 0);
    EXPECT_TRUE(items.paused());
    EXPECT_FALSE(items.try_acquire());
    EXPECT_EQ(semctl({"resume", home.name(), "items"}).status, 0);
    EXPECT_TRUE(items.try_acquire());
}

TEST_F(SemctlWithHolderAndWaiter, PauseOfWhatIsNotThereIsRefused) {
    const auto result = semctl({"pause", home.name(), "nix"});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err,
                AllOf(HasSubstr("semaphore 'nix' in segment '" + home.name() + "'"), HasSubstr("semctl create")));
    EXPECT_EQ(semctl({"resume", "no-such-segment", "encode"}).status, 1);
    EXPECT_EQ(semctl({"pause", home.name()}).status, 2);
}

}  // namespace
}  // namespace shmsem::test
