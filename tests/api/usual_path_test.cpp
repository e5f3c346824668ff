#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <future>
#include <thread>
#include <vector>

#include "api/access.hpp"
#include "core/fast_path.hpp"
#include "os/testing.hpp"
#include "support/clock_shift.hpp"
#include "support/raw_segment.hpp"
#include "support/shmsem_test.hpp"

// The uncontended path goes by what its thread knew before: the time, the description that it left in the slot. What becomes of that
// when something has happened in between.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

constexpr int settled = 3;  // pairs after which nothing is left to be described for the first time

void settle(semaphore& s) {
    for (int i = 0; i < settled; ++i) (void)s.acquire();
}

holder_info only_holder(const semaphore& s) {
    const auto holders = s.inspect().holders;
    EXPECT_EQ(holders.size(), 1U);
    return holders.empty() ? holder_info{} : holders.front();
}

std::uint32_t this_tid() { return static_cast<std::uint32_t>(::syscall(SYS_gettid)); }

class UsualPath : public WithSegment {
   protected:
    semaphore one = home->semaphore("one", {.permits = 1, .ttl = 30s});
};

TEST_F(UsualPath, CountsALeaseFromNowWhenTimeHasPassedSinceTheLast) {
    in_child([&] {
        clock_shift time;
        settle(one);
        for (int i = 0; i < 3; ++i) {
            time.forward(1h);
            const lease held = one.acquire();
            EXPECT_GE(held.remaining(), 30s);
            EXPECT_LE(only_holder(one).held, 10s);
            EXPECT_EQ(one.reap(), 0U);
            EXPECT_TRUE(held.valid());
        }
    });
}

TEST_F(UsualPath, CountsALeaseThatNobodyRenewsFromTheVeryMoment) {
    auto manual = home->semaphore("manual", {.permits = 1, .ttl = 30s, .renewal = renewal::manual});
    settle(manual);
    for (int i = 0; i < 5; ++i) {
        // Computing, not sleeping: what the thread knew of the time gets old.
        for (const auto end = std::chrono::steady_clock::now() + 60ms; std::chrono::steady_clock::now() < end;) {
        }
        EXPECT_GE(manual.acquire().remaining(), 30s - 1ms);
    }
}

TEST_F(UsualPath, ClosesASlotThatRetiresThoughItsLeaseWasRenewed) {
    auto many = home->semaphore("many", {.permits = 3, .ttl = 30s});
    std::vector<lease> held;
    for (int i = 0; i < settled; ++i) {
        held.clear();
        while (held.size() < 3) held.push_back(many.acquire());
    }
    many.resize(1);
    for (lease& l : held) EXPECT_TRUE(l.renew());
    held.clear();
    EXPECT_EQ(many.available(), 1U);
    const lease last = many.acquire();
    EXPECT_FALSE(many.try_acquire());
}

TEST_F(UsualPath, DescribesItsHolderAgainAfterSomebodyElsesLease) {
    settle(one);
    (void)one.acquire({.ttl = 60s, .tenant = "red", .label = "of another kind"});
    const lease mine = one.acquire();
    const holder_info seen = only_holder(one);
    EXPECT_EQ(seen.label, "");
    EXPECT_EQ(seen.tenant, "");
    EXPECT_EQ(seen.tid, this_tid());
    EXPECT_EQ(seen.token, mine.token());
    EXPECT_LE(seen.ttl_left, 31s);
}

// Another thread at work while this one keeps its processor, so that it goes on by what it knew. Some of the rounds it will lose it all
// the same.
class UsualPathWithARival : public UsualPath {
   protected:
    static constexpr int rounds = 20;

    /// Has the rival do something, and waits without sleeping.
    void rival_does(std::function<void()> what) {
        work_ = std::move(what);
        turn_.store(1);
        while (turn_.load() != 0) {
        }
    }
    [[nodiscard]] std::uint32_t rivals_tid() const { return tid_; }

    void TearDown() override { turn_.store(2); }

   private:
    std::function<void()> work_;
    std::uint32_t tid_ = 0;
    std::atomic<int> turn_{0};  // 1: the rival's; 2: the end
    std::jthread rival_{[this] {
        tid_ = this_tid();
        for (;;) {
            const int turn = turn_.load();
            if (turn == 2) return;
            if (turn == 0) continue;
            work_();
            turn_.store(0);
        }
    }};
};

TEST_F(UsualPathWithARival, DescribesItsHolderAgainAfterAnothersLease) {
    for (int i = 0; i < rounds; ++i) {
        settle(one);
        rival_does([&] { (void)one.acquire({.ttl = 60s, .tenant = "red", .label = "the rival's"}); });
        const lease mine = one.acquire();
        const holder_info seen = only_holder(one);
        EXPECT_EQ(seen.label, "");
        EXPECT_EQ(seen.tenant, "");
        EXPECT_EQ(seen.tid, this_tid());
        EXPECT_LE(seen.ttl_left, 31s);
    }
}

TEST_F(UsualPathWithARival, DescribesItsHolderAgainAfterALeaseWasHandedOver) {
    for (int i = 0; i < rounds; ++i) {
        settle(one);
        const detached_lease carried = one.acquire().detach();
        rival_does([&] {
            const lease adopted = one.adopt(carried);
            EXPECT_EQ(only_holder(one).tid, rivals_tid());
        });
        const lease mine = one.acquire();
        EXPECT_EQ(only_holder(one).tid, this_tid());
    }
}

TEST_F(UsualPath, TakesOneSlotsDescriptionForNoOthers) {
    auto two = home->semaphore("two", {.permits = 1, .ttl = 30s});
    settle(two);
    for (int i = 0; i < 5; ++i) {
        const std::uint64_t last = two.acquire({.ttl = 60s, .label = "with a label"}).token();
        // The same token here as the last one there.
        while (one.acquire().token() < last) {
        }
        const lease mine = two.acquire();
        EXPECT_EQ(only_holder(two).label, "");
        EXPECT_LE(only_holder(two).ttl_left, 31s);
    }
}

// Thread ids of two pid namespaces may be equal. Here is what such a stranger leaves behind.
TEST_F(UsualPath, DescribesItsHolderAgainAfterALeaseOfAStrangerWithItsThreadId) {
    const raw_segment raw(home.name());
    layout::slot& slot = raw.view().slot(0);
    for (int i = 0; i < 20; ++i) {
        settle(one);
        slot.word.fetch_add(std::uint64_t{1} << 32);  // seq + 1
        slot.label.store("the stranger's");
        const lease mine = one.acquire();
        EXPECT_EQ(only_holder(one).label, "");
    }
}

TEST_F(UsualPath, ServesWhoeverWaitsAtTheReleaseItself) {
    in_child([&] {
        const raw_segment raw(home.name());
        os::testing::keep_processor();
        settle(one);
        lease held = one.acquire();
        shared<flag> served;
        auto waiter = fork_child([&] {
            const lease theirs = one.acquire();
            served->raise();
        });
        ASSERT_TRUE(queued(one, 1));
        waiter.stop();                // so that it cannot find out by itself
        raw.view().hint(0).store(1);  // as when it has raised the gate, and not come to the slots yet
        EXPECT_TRUE(held.release());
        EXPECT_TRUE(eventually([&] { return one.stats().total_granted == 1; }));
        waiter.cont();
        served->wait();
    });
}

TEST_F(UsualPath, LeavesAHintToTheSlotThatItOpened) {
    in_child([&] {
        const raw_segment raw(home.name());
        os::testing::keep_processor();
        settle(one);
        lease held = one.acquire();
        raw.view().hint(0).store(0);  // as a waiter does that found the slot taken
        EXPECT_TRUE(held.release());
        EXPECT_EQ(raw.view().hint(0).load() & 1, 1U);
    });
}

// What its thread knows of the time is out of date, but nothing has told it so: it has been computing.
class UsualPathOfABusyThread : public UsualPath {
   protected:
    static void compute_for(std::chrono::nanoseconds time) {
        os::testing::keep_processor();
        std::this_thread::sleep_for(time);  // as far as the library can tell, the processor was kept
    }
};

TEST_F(UsualPathOfABusyThread, CountsALeaseOfAShorterTtlThanAnyYetFromNow) {
    in_child([&] {
        os::testing::keep_processor();
        settle(one);
        compute_for(1200ms);
        auto brief = home->semaphore("brief", {.permits = 1, .ttl = 1s});
        EXPECT_GE(brief.acquire().remaining(), 900ms);
    });
}

TEST_F(UsualPathOfABusyThread, CountsMaxHoldFromNow) {
    in_child([&] {
        auto capped = home->semaphore("capped", {.permits = 1, .ttl = 30s, .max_hold = 20s});
        os::testing::keep_processor();
        settle(capped);
        compute_for(20ms);  // meanwhile the background thread learns of a shorter ttl
        settle(capped);
        compute_for(100ms);
        const lease held = capped.acquire();
        EXPECT_GE(held.remaining(), 20s - 1ms);
    });
}

TEST_F(UsualPathOfABusyThread, DetachesALeaseWithItsWholeTtl) {
    in_child([&] {
        os::testing::keep_processor();
        settle(one);
        compute_for(100ms);
        (void)one.acquire().detach();
        EXPECT_GE(only_holder(one).ttl_left, 30s - 50ms);
    });
}

TEST_F(UsualPathOfABusyThread, CountsALeaseFromNowWhileTheBackgroundThreadIsKeptBusy) {
    in_child([&] {
        auto manual = home->semaphore("manual", {.permits = 1, .ttl = 30s, .renewal = renewal::manual});
        flag called;
        flag enough;
        clock_shift time;
        lease lost = manual.acquire();
        lost.on_lost([&] {
            called.raise();
            enough.wait();
        });
        time.forward(31s);
        called.wait();
        os::testing::keep_processor();
        settle(one);
        compute_for(100ms);
        EXPECT_GE(one.acquire().remaining(), 30s);
        enough.raise();
    });
}

// While a thread is stopped between taking a slot and looking at its token, it loses the lease, and seq wraps.
class UsualPathAcrossAWrap : public UsualPath {
   protected:
    static constexpr std::uint32_t seq_now = 500;
    static inline layout::slot* slot = nullptr;
    static void wrap() {
        slot->word.store(std::uint64_t{seq_now} << 32);
        slot->seq_high.fetch_add(1);
    }
    void expect_the_right_token() {
        os::testing::call_at("acquire.taken", wrap);
        const lease held = one.acquire();
        EXPECT_TRUE(held.valid());
        EXPECT_EQ(held.token(), (std::uint64_t{1} << layout::seq_bits) + seq_now + 1);
        EXPECT_EQ(only_holder(one).token, held.token());
    }
};

TEST_F(UsualPathAcrossAWrap, GivesNoTokenFromTheFuture) {
    in_child([&] {
        const raw_segment raw(home.name());
        slot = &raw.view().slot(0);
        os::testing::keep_processor();
        settle(one);
        expect_the_right_token();
    });
}

TEST_F(UsualPathAcrossAWrap, GivesNoneToAThreadsFirstLeaseEither) {
    in_child([&] {
        const raw_segment raw(home.name());
        slot = &raw.view().slot(0);
        expect_the_right_token();
    });
}

TEST_F(UsualPath, DescribesItsHolderAgainWhenALateHolderHasDescribedItself) {
    in_child([&] {
        const raw_segment raw(home.name());
        os::testing::keep_processor();
        settle(one);
        layout::slot& slot = raw.view().slot(0);
        slot.label.store("a late holder's");
        slot.tag.store(slot.tag.load() - 2);  // its seq
        const lease mine = one.acquire();
        EXPECT_EQ(only_holder(one).label, "");
    });
}

TEST_F(UsualPath, KeepsSemaphoresAndSegmentsApart) {
    const test_segment elsewhere;
    segment other_home = segment::open(elsewhere.name());
    auto two = home->semaphore("two", {.permits = 1, .ttl = 60s});
    auto far = other_home.semaphore("one", {.permits = 1, .ttl = 90s});
    semaphore* const all[] = {&one, &two, &far, &one, &far, &two};
    for (int i = 0; i < settled; ++i) {
        for (semaphore* s : all) {
            const lease held = s->acquire();
            const auto ttl = s == &one ? 30s : s == &two ? 60s : 90s;
            if (i % 50 == 0) {
                EXPECT_LE(only_holder(*s).ttl_left, ttl + 1s);
            }
            EXPECT_GT(held.remaining(), ttl * 2 / 3);
        }
    }
    EXPECT_EQ(one.stats().total_acquired, 2U * settled);
    EXPECT_EQ(two.stats().total_acquired, 2U * settled);
    EXPECT_EQ(far.stats().total_acquired, 2U * settled);
}

TEST_F(UsualPath, InAForkedChildIsTheChildsOwn) {
    settle(one);
    in_child([&] {
        settle(one);
        const lease held = one.acquire();
        EXPECT_EQ(only_holder(one).pid, static_cast<std::uint32_t>(::getpid()));
        EXPECT_EQ(only_holder(one).tid, this_tid());
    });
    const lease held = one.acquire();
    EXPECT_EQ(only_holder(one).pid, static_cast<std::uint32_t>(::getpid()));
}

TEST_F(UsualPath, WorksWhereNothingTellsWhetherAThreadKeptItsProcessor) {
    in_child([&] {
        os::testing::refuse(os::testing::syscall_kind::rseq);
        clock_shift time;
        constexpr int pairs = 300;  // a slot's first holds are all measured then
        for (int i = 0; i < pairs; ++i) (void)one.acquire();
        EXPECT_EQ(one.stats().total_acquired, static_cast<std::uint64_t>(pairs));
        time.forward(1h);
        const lease held = one.acquire();
        EXPECT_GE(held.remaining(), 30s);
        EXPECT_LE(only_holder(one).held, 10s);
    });
}

// Objects that stand for an attachment are used again for the next one, at the same tick of its own time.
TEST(UsualPathsPoll, OfManyPermitsFindsWhatExpiredInEachOfSeveralSegmentsInARow) {
    in_child([] {
        for (int i = 0; i < 5; ++i) {
            clock_shift time;
            const test_segment home;
            auto wide =
                segment::open(home.name()).semaphore("wide", {.permits = 65, .ttl = 30s, .renewal = renewal::manual});
            std::vector<lease> all;
            for (int k = 0; k < 65; ++k) all.push_back(wide.acquire());
            EXPECT_FALSE(wide.try_acquire());
            time.forward(31s);
            EXPECT_TRUE(wide.try_acquire());
        }
    });
}

// Objects that stand for an attachment are used again for the next one: a lost lease must not take that for its own.
TEST(UsualPathsLease, ThatWasLostAndOutlivesItsSegmentIsInertInALargerOneToo) {
    in_child([] {
        clock_shift time;
        lease late;
        {
            const test_segment small({.processes = 4, .semaphores = 1, .permits = 2, .waiters = 4, .tenants = 1});
            segment home = segment::open(small.name());
            auto s = home.semaphore("one", {.permits = 1, .ttl = 30s, .renewal = renewal::manual});
            late = s.acquire();
            time.forward(31s);
            EXPECT_EQ(s.reap(), 1U);
        }
        const test_segment large;
        segment home = segment::open(large.name());
        auto s = home.semaphore("one", {.permits = 1, .ttl = 30s});
        const lease mine = s.acquire();
        EXPECT_FALSE(late.valid());
        EXPECT_FALSE(late.renew());
        EXPECT_FALSE(late.release());
        EXPECT_TRUE(mine.valid());
        EXPECT_EQ(s.available(), 0U);
    });
}

// Seats of two semaphores whose words are the same: what is remembered of one must not be taken for the other's.
TEST_F(UsualPath, KeepsSemaphoresApartWhoseWordsAreTheSame) {
    os::testing::keep_processor();
    auto other = home->semaphore("other", {.permits = 1, .ttl = 30s});
    for (int i = 0; i < 70; ++i) (void)other.acquire();
    for (int i = 0; i < 71; ++i) (void)one.acquire();
    (void)other.acquire();  // its 71st: now its word is what this thread left in the other's slot
    const lease mine = one.acquire();
    EXPECT_EQ(one.available(), 0U);
    EXPECT_EQ(other.available(), 1U);
}

// What a thread remembers of a slot is a word that comes round after 131,072 acquisitions; the token goes on.
TEST_F(UsualPath, GivesANewTokenWhenTheWordThatItsThreadLeftHasComeRound) {
    os::testing::keep_processor();
    settle(one);
    const std::uint64_t before = one.acquire().token();
    std::uint64_t last = before;
    std::thread([&] {
        for (std::uint32_t i = 0; i < (1U << layout::seq_bits); ++i) last = one.acquire().token();
    }).join();
    EXPECT_EQ(last, before + (1U << layout::seq_bits));
    EXPECT_GT(one.acquire().token(), last);  // what it took by that word it gave back, so one is skipped
    EXPECT_EQ(one.stats().available, 1);
}

// A thread that was stopped in the middle of taking a slot, for so long that no token would be right, gives it back: whatever has become
// of the word meanwhile, and whoever waits by then.
TEST_F(UsualPath, GivesBackWhatItTookTooLate) {
    lease held = one.acquire();
    auto served = std::async(std::launch::async, [&] { return one.try_acquire_for(30s).has_value(); });
    EXPECT_TRUE(eventually([&] { return one.stats().waiting == 1; }));
    core::undo_take(core::handle_access::info(one), held.seat(), core::lease_access::record(held).word, true);
    EXPECT_TRUE(served.get());
    EXPECT_FALSE(held.release());
}

TEST_F(UsualPath, GivesBackWhatItTookTooLateThoughItWasToRetire) {
    auto two = home->semaphore("two", {.permits = 2, .max_permits = 2});
    lease first = two.acquire();
    lease second = two.acquire();
    lease& last = first.seat() == 1 ? first : second;
    two.resize(1);
    core::undo_take(core::handle_access::info(two), last.seat(), core::lease_access::record(last).word, true);
    EXPECT_FALSE(last.release());
    two.resize(2);
    EXPECT_EQ(two.available(), 1U);
}

TEST_F(UsualPath, LeavesALaterLeaseAloneThatLooksLikeWhatItTookTooLate) {
    const lease held = one.acquire();
    core::undo_take(core::handle_access::info(one), held.seat(), core::lease_access::record(const_cast<lease&>(held)).word,
                    false);
    EXPECT_TRUE(held.valid());
}

}  // namespace
}  // namespace shmsem::test
