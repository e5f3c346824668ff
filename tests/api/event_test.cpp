#include <unistd.h>

#include <thread>
#include <vector>

#include "os/testing.hpp"
#include "support/clock_shift.hpp"
#include "support/shmsem_test.hpp"

// The ring of the last events says what happened, to whom, and when.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

class Events : public WithSegment {
   protected:
    semaphore s = home->semaphore("s", {.permits = 1, .max_permits = 4, .ttl = 30s, .renewal = renewal::manual});

    std::vector<event_info> of(event_kind kind) const {
        std::vector<event_info> result;
        for (auto& one : seen().inspect().events) {
            if (one.kind == kind) result.push_back(one);
        }
        return result;
    }
    segment seen() const { return segment::open(home.name(), access::read_only); }
};

TEST_F(Events, AreNoneWhileNobodyWaits) {
    s.resize(2);
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(s.acquire().release());
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(s.acquire({.permits = 2}).release());
    EXPECT_EQ(seen().inspect().events.size(), 1U) << "the resize";
}

TEST_F(Events, TellOfAGrantWithItsWait) {
    lease held = s.acquire();
    shared<std::atomic<std::uint64_t>> token;
    auto waiter = fork_child([&] {
        const lease mine = s.acquire();
        token->store(mine.token());
    });
    ASSERT_TRUE(queued(s, 1));
    EXPECT_TRUE(held.release());
    EXPECT_EQ(waiter.wait_exit(), 0);
    const auto grants = of(event_kind::granted);
    ASSERT_EQ(grants.size(), 1U);
    EXPECT_EQ(grants[0].semaphore, "s");
    EXPECT_EQ(grants[0].seat, 0U);
    EXPECT_EQ(grants[0].token, token->load());
    EXPECT_EQ(grants[0].pid, static_cast<std::uint32_t>(waiter.pid()));
    EXPECT_GT(grants[0].lasted, 0ns);
    EXPECT_GE(grants[0].ago, 0ns);
}

TEST_F(Events, TellOfDeathsAndOfWhatTheyGaveBack) {
    shared<flag> holds;
    auto holder = fork_child([&] {
        const lease mine = s.acquire();
        holds->raise();
        flag().wait();
    });
    holds->wait();
    EXPECT_TRUE(holder.kill());
    EXPECT_TRUE(eventually([&] {
        (void)home->reap();
        return of(event_kind::died).size() == 1;
    }));
    const auto pid = static_cast<std::uint32_t>(holder.pid());
    EXPECT_EQ(of(event_kind::died)[0].pid, pid);
    EXPECT_EQ(of(event_kind::died)[0].semaphore, "");
    ASSERT_EQ(of(event_kind::reaped).size(), 1U);
    EXPECT_EQ(of(event_kind::reaped)[0].pid, pid);
    EXPECT_EQ(of(event_kind::reaped)[0].semaphore, "s");
}

TEST_F(Events, TellOfNoDeathWhenAProcessLeaves) {
    for (int i = 0; i < 20; ++i) {
        in_child([&] {
            EXPECT_TRUE(s.acquire().release());
            s = {};
            *home = {};  // the last handle
        });
    }
    EXPECT_TRUE(eventually([&] { return home->inspect().processes.size() <= 1; }));
    EXPECT_TRUE(of(event_kind::died).empty());
}

TEST_F(Events, TellOfWhatExpiredTimedOutWasCancelledEndedResizedAndPaused) {
    in_child([&] {
        clock_shift time;
        lease late = s.acquire();
        time.forward(31s);
        EXPECT_TRUE(s.acquire().valid());
        lease held = s.acquire();
        auto waiter = std::thread([&] { EXPECT_FALSE(s.try_acquire_until(time.now() + 10s)); });
        EXPECT_TRUE(queued(s, 1));
        time.forward(11s);
        waiter.join();
        std::stop_source stop;
        auto other = std::thread([&] {
            EXPECT_EQ(code_from([&](auto& ec) { (void)s.acquire({.stop = stop.get_token()}, ec); }), errc::cancelled);
        });
        EXPECT_TRUE(queued(s, 1));
        stop.request_stop();
        other.join();
        EXPECT_TRUE(s.end(held.seat(), held.token()));
        s.resize(3);
        s.pause();
        s.resume();
    });
    for (const event_kind kind : {event_kind::expired, event_kind::timed_out, event_kind::cancelled, event_kind::ended,
                                  event_kind::resized, event_kind::paused, event_kind::resumed}) {
        EXPECT_EQ(of(kind).size(), 1U) << static_cast<int>(kind);
    }
    EXPECT_GE(of(event_kind::expired)[0].lasted, 30s);
    EXPECT_GE(of(event_kind::timed_out)[0].lasted, 10s);
    EXPECT_EQ(of(event_kind::resized)[0].permits, 3U);
    EXPECT_EQ(of(event_kind::timed_out)[0].token, 2U) << "its ticket; who took the expired permit had the first";
    EXPECT_EQ(of(event_kind::cancelled)[0].token, 3U);
    std::uint64_t last = 0;
    for (const auto& one : seen().inspect().events) {
        EXPECT_EQ(one.number, last + 1) << "in order, and none is missing";
        last = one.number;
    }
}

TEST_F(Events, NameWhoAskedForAResize) {
    in_child([&] {
        s.resize(2);
        EXPECT_EQ(of(event_kind::resized).at(0).pid, static_cast<std::uint32_t>(::getpid()));
    });
}

TEST_F(Events, TellOfARepairWithoutANameOfTheDead) {
    auto dies = fork_child([&] {
        os::testing::die_at("lock.taken");
        s.resize(3);
    });
    EXPECT_EQ(dies.wait_signal(), SIGKILL);
    s.resize(2);
    ASSERT_EQ(of(event_kind::recovered).size(), 1U);
    EXPECT_EQ(of(event_kind::recovered)[0].pid, 0U);
}

TEST_F(Events, KeepTheLastOnes) {
    for (std::uint32_t i = 0; i < recorded_events; ++i) {
        s.pause();
        s.resume();
    }
    const auto all = seen().inspect().events;
    ASSERT_EQ(all.size(), recorded_events);
    EXPECT_EQ(all.front().number, recorded_events + 1);
    EXPECT_EQ(all.back().number, 2 * recorded_events);
    EXPECT_EQ(all.back().kind, event_kind::resumed);
}

TEST_F(Events, AreWholeWhileManyWriteThem) {
    std::vector<child> writers;
    for (int i = 0; i < 4; ++i) {
        writers.push_back(fork_child([&] {
            for (int k = 0; k < 2000; ++k) {
                (void)s.try_acquire_for(1ms);
                s.resize(1 + k % 4);
            }
        }));
    }
    for (int i = 0; i < 500; ++i) {
        std::uint64_t last = 0;
        for (const auto& one : seen().inspect().events) {
            EXPECT_GT(one.number, last);
            last = one.number;
            EXPECT_EQ(one.semaphore, one.kind == event_kind::died ? "" : "s");
            if (one.kind == event_kind::resized) {
                EXPECT_TRUE(one.permits >= 1 && one.permits <= 4);
            }
        }
    }
    for (auto& one : writers) EXPECT_EQ(one.wait_exit(), 0);
}

}  // namespace
}  // namespace shmsem::test
