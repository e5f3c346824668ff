#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "support/clock_shift.hpp"
#include "support/shmsem_test.hpp"

// A lease handed on with intent: to another thread, or to a forked child, which is the one way around "a child owns nothing".

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

class Detach : public WithSegment {
   protected:
    semaphore one = home->semaphore("one");
    semaphore two = home->semaphore("two", {.permits = 2});
};

TEST_F(Detach, EmptiesTheLeaseAndKeepsThePermitTaken) {
    lease held = one.acquire();
    const auto token = held.token();
    const detached_lease out = held.detach();
    EXPECT_FALSE(held);
    EXPECT_FALSE(held.release());
    EXPECT_EQ(out.token, token);
    EXPECT_EQ(out.permits, 1U);
    EXPECT_EQ(one.available(), 0U);
    EXPECT_EQ(one.reap(), 0U);
    EXPECT_TRUE(one.adopt(out).release());
    EXPECT_EQ(one.available(), 1U);
}

TEST_F(Detach, AdoptedInAnotherThreadIsTheSameLease) {
    lease held = one.acquire({.label = "travels"});
    const auto token = held.token();
    const auto seat = held.seat();
    const detached_lease out = held.detach();
    std::thread([&] {
        lease mine = one.adopt(out);
        EXPECT_TRUE(mine.valid());
        EXPECT_EQ(mine.token(), token);
        EXPECT_EQ(mine.seat(), seat);
        EXPECT_EQ(one.inspect().holders.at(0).label, "travels");
        EXPECT_TRUE(mine.renew());
        EXPECT_TRUE(mine.release());
    }).join();
    EXPECT_EQ(one.available(), 1U);
}

TEST_F(Detach, AdoptedTwiceIsLostTheSecondTime) {
    const detached_lease out = one.acquire().detach();
    lease mine = one.adopt(out);
    expect_both(
        errc::lease_lost, [&] { (void)one.adopt(out); }, [&](std::error_code& ec) { EXPECT_FALSE(one.adopt(out, ec)); });
    EXPECT_TRUE(mine.valid());
    EXPECT_TRUE(mine.release());
    EXPECT_EQ(code_from([&](auto& ec) { (void)one.adopt(out, ec); }), errc::lease_lost);
    EXPECT_TRUE(one.try_acquire());
}

TEST_F(Detach, AdoptedByManyThreadsAtOnceHasOneAdopter) {
    constexpr std::uint32_t kRacers = 4;
    for (int round = 0; round < rounds(200); ++round) {
        const detached_lease out = one.acquire().detach();
        barrier start{kRacers};
        barrier decided{kRacers};
        std::atomic<int> adopters{0};
        std::vector<std::jthread> racers;
        for (std::uint32_t i = 0; i < kRacers; ++i) {
            racers.emplace_back([&] {
                start.arrive_and_wait();
                std::error_code ec;
                lease mine = one.adopt(out, ec);
                if (mine) {
                    ++adopters;
                } else {
                    EXPECT_EQ(ec, errc::lease_lost);
                }
                decided.arrive_and_wait();
            });
        }
        racers.clear();
        ASSERT_EQ(adopters, 1);
        ASSERT_EQ(one.available(), 1U);
    }
}

TEST_F(Detach, AdoptedByManyForkedChildrenAtOnceHasOneAdopter) {
    constexpr std::uint32_t kRacers = 4;
    for (int round = 0; round < rounds(20); ++round) {
        const detached_lease out = two.acquire({.permits = 2}).detach();
        shared<barrier> start{kRacers};
        shared<barrier> decided{kRacers};
        shared<tally> adopters;
        std::vector<child> racers;
        for (std::uint32_t i = 0; i < kRacers; ++i) {
            racers.push_back(fork_child([&] {
                start->arrive_and_wait();
                std::error_code ec;
                lease mine = two.adopt(out, ec);
                if (mine) {
                    EXPECT_TRUE(mine.valid());
                    EXPECT_EQ(mine.permits(), 2U);
                    adopters->add();
                } else {
                    EXPECT_EQ(ec, errc::lease_lost);
                }
                decided->arrive_and_wait();
                if (mine) {
                    EXPECT_TRUE(mine.release());
                }
            }));
        }
        for (auto& racer : racers) EXPECT_EQ(racer.wait_exit(), 0);
        ASSERT_EQ(adopters->value(), 1U);
        ASSERT_EQ(two.available(), 2U);
    }
}

TEST_F(Detach, AdoptedByAForkedChildIsTheChildsAlone) {
    lease held = one.acquire();
    const auto token = held.token();
    const detached_lease out = held.detach();
    shared<flag> adopted;
    shared<flag> leave;
    auto heir = fork_child([&] {
        lease mine = one.adopt(out);
        EXPECT_TRUE(mine.valid());
        EXPECT_EQ(mine.token(), token);
        adopted->raise();
        leave->wait();
        EXPECT_TRUE(mine.valid());
        EXPECT_TRUE(mine.release());
    });
    adopted->wait();
    EXPECT_EQ(code_from([&](auto& ec) { (void)one.adopt(out, ec); }), errc::lease_lost);
    EXPECT_EQ(one.inspect().holders.at(0).pid, static_cast<std::uint32_t>(heir.pid()));
    EXPECT_FALSE(one.try_acquire());
    leave->raise();
    EXPECT_EQ(heir.wait_exit(), 0);
    EXPECT_EQ(one.available(), 1U);
}

TEST_F(Detach, AdoptedByAChildComesBackWhenTheChildIsKilled) {
    const detached_lease out = one.acquire().detach();
    shared<flag> adopted;
    auto heir = fork_child([&] {
        const lease mine = one.adopt(out);
        adopted->raise();
        flag never;
        never.wait();
    });
    adopted->wait();
    EXPECT_FALSE(one.try_acquire());
    ASSERT_TRUE(heir.kill());
    EXPECT_TRUE(one.try_acquire_for(30s * slowness));
}

TEST_F(Detach, AdoptedByAChildSurvivesTheDeathOfItsParent) {
    shared<flag> adopted;
    shared<flag> checked;
    shared<tally> released;
    shared<std::atomic<pid_t>> heir_pid{0};
    auto parent = fork_child([&] {
        const detached_lease out = one.acquire().detach();
        const pid_t pid = ::fork();  // not fork_child, whose children die with their parent
        if (pid == 0) {
            lease mine = one.adopt(out);
            adopted->raise();
            checked->wait();
            if (mine.valid() && mine.release()) released->add();
            ::_exit(0);
        }
        heir_pid->store(pid);
        flag never;
        never.wait();
    });
    adopted->wait();
    ASSERT_TRUE(parent.kill());
    EXPECT_EQ(one.reap(), 0U);
    EXPECT_FALSE(one.try_acquire());
    checked->raise();
    EXPECT_TRUE(one.try_acquire_for(30s * slowness));
    released->wait_for(1);
}

TEST_F(Detach, LeftUnadoptedComesBackWhenItsProcessDies) {
    shared<flag> detached;
    auto parent = fork_child([&] {
        (void)one.acquire({.ttl = forever}).detach();
        detached->raise();
        flag never;
        never.wait();
    });
    detached->wait();
    EXPECT_FALSE(one.try_acquire());
    ASSERT_TRUE(parent.kill());
    EXPECT_TRUE(one.try_acquire_for(30s * slowness));
}

TEST_F(Detach, LeftUnadoptedIsNotRenewedAndEndsWithItsTtl) {
    in_child([&] {
        clock_shift time;
        const detached_lease out = one.acquire({.ttl = 30s}).detach();
        time.forward(29s);
        EXPECT_EQ(one.reap(), 0U);
        time.forward(2s);
        EXPECT_TRUE(one.try_acquire_for(30s * slowness));
        EXPECT_EQ(code_from([&](auto& ec) { (void)one.adopt(out, ec); }), errc::lease_lost);
        EXPECT_EQ(one.stats().total_expired, 1U);
    });
}

TEST_F(Detach, OfAnExpiredLeaseThatNobodyTookIsRefusedAndGivesItBack) {
    in_child([&] {
        clock_shift time;
        auto manual = home->semaphore("manual", {.permits = 2, .ttl = 30s, .renewal = renewal::manual});
        lease late = manual.acquire({.permits = 2});
        time.forward(31s);
        EXPECT_EQ(late.detach().permits, 0U);
        EXPECT_TRUE(manual.try_acquire({.permits = 2}));
    });
}

TEST_F(Detach, LeftUnadoptedBeyondItsTtlIsRefusedThoughNobodyTookIt) {
    in_child([&] {
        clock_shift time;
        auto manual = home->semaphore("manual", {.ttl = 30s, .renewal = renewal::manual});
        const detached_lease out = manual.acquire().detach();
        time.forward(31s);
        EXPECT_EQ(code_from([&](auto& ec) { (void)manual.adopt(out, ec); }), errc::lease_lost);
    });
}

TEST_F(Detach, AdoptedIsStillCappedByMaxHold) {
    in_child([&] {
        clock_shift time;
        auto capped = home->semaphore("capped", {.ttl = 30s, .renewal = renewal::manual, .max_hold = 50s});
        lease held = capped.acquire();
        time.forward(25s);
        held = capped.adopt(held.detach());
        EXPECT_GT(held.remaining(), 20s);
        EXPECT_LE(held.remaining(), 25s + 50ms);
    });
}

TEST_F(Detach, AdoptedIsRenewedAgain) {
    in_child([&] {
        clock_shift time;
        const detached_lease out = one.acquire({.ttl = 30s}).detach();
        time.forward(20s);
        const lease mine = one.adopt(out);
        for (int i = 0; i < 6; ++i) {
            EXPECT_TRUE(eventually([&] { return mine.remaining() > 25s; }));
            time.forward(12s);
        }
        EXPECT_TRUE(mine.valid());
    });
}

TEST_F(Detach, AdoptedInAnotherSemaphoreOrSegmentIsAnInvalidArgument) {
    const detached_lease out = one.acquire().detach();
    expect_both(
        errc::invalid_argument, [&] { (void)two.adopt(out); },
        [&](std::error_code& ec) { EXPECT_FALSE(two.adopt(out, ec)); });
    test_segment elsewhere;
    auto same_name = elsewhere->semaphore("one");
    EXPECT_EQ(code_from([&](auto& ec) { (void)same_name.adopt(out, ec); }), errc::invalid_argument);
    EXPECT_TRUE(one.adopt(out).release()) << "the refusals have not used it up";
}

TEST_F(Detach, OfNothingIsRefused) {
    lease none;
    const detached_lease out = none.detach();
    EXPECT_EQ(out.permits, 0U);
    EXPECT_TRUE(code_from([&](auto& ec) { EXPECT_FALSE(one.adopt(out, ec)); }));
}

TEST_F(Detach, MadeUpIsRefusedAndTouchesNobodysPermit) {
    lease held = one.acquire();
    lease copied = two.acquire();
    const detached_lease real = copied.detach();
    for (int field = 0; field < 5; ++field) {
        detached_lease fake = real;
        if (field == 0) fake.seat = 0xffff'ffff;
        if (field == 1) fake.word ^= 1ULL << 33;
        if (field == 2) fake.token += 1;
        if (field == 3) fake.permits = 0xffff'ffff;
        if (field == 4) fake.semaphore = 0xffff'ffff;
        EXPECT_TRUE(code_from([&](auto& ec) { EXPECT_FALSE(two.adopt(fake, ec)) << field; })) << field;
    }
    EXPECT_TRUE(held.valid());
    EXPECT_TRUE(two.adopt(real).valid());
}

TEST_F(Detach, OfALostLeaseIsRefused) {
    in_child([&] {
        clock_shift time;
        auto manual = home->semaphore("manual", {.ttl = 30s, .renewal = renewal::manual});
        lease late = manual.acquire();
        time.forward(31s);
        const lease successor = manual.acquire();
        const detached_lease out = late.detach();
        EXPECT_EQ(out.permits, 0U) << "what cannot be released cannot be handed on";
        EXPECT_TRUE(code_from([&](auto& ec) { EXPECT_FALSE(manual.adopt(out, ec)); }));
        EXPECT_TRUE(successor.valid());
    });
}

// Between the look at the lease and the step that adopts it, another adopts it, releases it, and detaches the slot's next one.
struct meanwhile {
    semaphore* one;
    detached_lease first;
    detached_lease next;
};
meanwhile* what_happens = nullptr;

TEST_F(Detach, AdoptsTheLeaseThatIsMeantOrNone) {
    meanwhile now{&one, one.acquire().detach(), {}};
    what_happens = &now;
    os::testing::call_at("adopt.found", [] {
        EXPECT_TRUE(what_happens->one->adopt(what_happens->first).release());
        what_happens->next = what_happens->one->acquire().detach();
    });
    EXPECT_EQ(code_from([&](auto& ec) { (void)one.adopt(now.first, ec); }), errc::lease_lost);
    EXPECT_TRUE(one.adopt(now.next).release());
}

}  // namespace
}  // namespace shmsem::test
