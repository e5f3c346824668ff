#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include "api/access.hpp"
#include "layout/handshake.hpp"
#include "os/testing.hpp"
#include "support/shmsem_test.hpp"

// ThreadSanitizer sees one process only. Here each thread is what a process is to the library, with a table entry, a background
// thread and an identity of its own, and all of them at the same addresses: what one of them wrote before it gave a permit back must
// have happened before what the next one does with it, whichever way the permit took.

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

class ProcessesAsThreads : public ::testing::Test {
   protected:
    ProcessesAsThreads() {
        std::error_code ec;
        layout::found_segment found;
        mapped_ = layout::open_segment(home.name(), true, ec, found);
        EXPECT_FALSE(ec) << ec.message();
    }
    /// Attaches as though from another process: the library knows a file by its numbers.
    segment another_process() {
        layout::mapping alias;
        alias.view = mapped_.view;
        alias.device = mapped_.device;
        static std::uint64_t processes = 0;  // never the same again: one of them is left behind
        alias.inode = ~0ULL - ++processes;
        alias.writable = true;
        alias.name = mapped_.name;
        alias.id = mapped_.id;
        alias.epoch_ns = mapped_.epoch_ns;
        return core::handle_access::make_segment(core::attach(std::move(alias)));
    }

    watchdog guard{280s};
    test_segment home;

   private:
    layout::mapping mapped_;
};

/// What is protected: no atomic, no lock of its own.
struct treasure {
    long entries = 0;
    long inside = 0;
};

void work_on(treasure& what) {
    EXPECT_EQ(++what.inside, 1);
    ++what.entries;
    --what.inside;
}

class InEachOrder : public ProcessesAsThreads, public ::testing::WithParamInterface<order> {};

TEST_P(InEachOrder, WhatAHolderWroteTheNextOneReads) {
    (void)home->semaphore("one", {.permits = 1, .order = GetParam()});
    treasure shared_by_all;
    std::atomic<long> expected{0};
    std::vector<std::jthread> all;
    for (unsigned i = 0; i < 6; ++i) {
        all.emplace_back([&, mine = another_process(), i]() mutable {
            std::mt19937 random(i);
            auto one = mine.find("one");
            for (int k = 0; k < rounds(3000); ++k) {
                std::optional<lease> got;
                switch (random() % 4) {
                    case 0: got = one.try_acquire(); break;
                    case 1: got = one.try_acquire_for(std::chrono::microseconds(random() % 500)); break;
                    case 2: {
                        std::stop_source stop;
                        std::jthread canceller([&] { stop.request_stop(); });
                        got = one.try_acquire_for(10ms, {.stop = stop.get_token()});
                        break;
                    }
                    default: got = one.acquire(); break;
                }
                if (!got) continue;
                work_on(shared_by_all);
                expected.fetch_add(1, std::memory_order_relaxed);
                if (random() % 8 == 0) {
                    EXPECT_TRUE(got->renew());
                }
                EXPECT_TRUE(got->release());
            }
        });
    }
    all.clear();
    EXPECT_EQ(shared_by_all.entries, expected.load());
}

INSTANTIATE_TEST_SUITE_P(Order, InEachOrder, ::testing::Values(order::fifo, order::throughput), [](const auto& instance) {
    return std::string(instance.param == order::fifo ? "Fifo" : "Throughput");
});

TEST_F(ProcessesAsThreads, WhoHoldsAllPermitsIsAloneAndWhoHoldsOneHasItsSeat) {
    constexpr std::uint32_t seats = 3;
    (void)home->semaphore("some", {.permits = seats});
    std::array<treasure, seats> by_seat;
    std::vector<std::jthread> all;
    for (unsigned i = 0; i < 5; ++i) {
        all.emplace_back([&, mine = another_process(), i]() mutable {
            std::mt19937 random(i);
            auto some = mine.find("some");
            for (int k = 0; k < rounds(2000); ++k) {
                lease got = some.acquire({.permits = 1 + static_cast<std::int64_t>(random() % seats)});
                for (std::uint32_t s = 0; s < got.permits(); ++s) work_on(by_seat[got.seat(s)]);
                if (i == 0 && k % 50 == 0) (void)mine.inspect();
                if (i == 1 && k % 50 == 0) (void)mine.reap();
                EXPECT_TRUE(got.release());
            }
        });
    }
    all.clear();
}

TEST_F(ProcessesAsThreads, WhatWasWrittenBeforeAPostIsReadAfterTheWait) {
    auto made = home->ownerless("full", {});
    auto other = home->ownerless("empty", {.initial = 1});
    long box = 0;
    const int many = rounds(5000);
    std::jthread consumer([&, mine = another_process()]() mutable {
        auto full = mine.ownerless("full", {});
        auto empty = mine.ownerless("empty", {.initial = 1});
        for (int k = 0; k < many; ++k) {
            full.acquire();
            EXPECT_EQ(box, k);
            empty.release();
        }
    });
    std::jthread producer([&, mine = another_process()]() mutable {
        auto full = mine.ownerless("full", {});
        auto empty = mine.ownerless("empty", {.initial = 1});
        for (int k = 0; k < many; ++k) {
            empty.acquire();
            box = k;
            full.release();
        }
    });
}

TEST_F(ProcessesAsThreads, WhileSomeLeasesExpireOthersAreResizedAndDetached) {
    auto made = home->semaphore("brief", {.permits = 2, .max_permits = 4, .ttl = 10ms, .renewal = renewal::manual});
    std::vector<std::jthread> all;
    for (unsigned i = 0; i < 5; ++i) {
        all.emplace_back([&, mine = another_process(), i]() mutable {
            std::mt19937 random(i);
            auto brief = mine.find("brief");
            for (int k = 0; k < rounds(300); ++k) {
                lease got = brief.acquire();
                if (i == 0) brief.resize(2 + static_cast<std::int64_t>(random() % 3));
                if (random() % 8 == 0) {
                    std::error_code ec;
                    got = brief.adopt(got.detach(), ec);
                }
                if (random() % 8 == 0) (void)got.renew();
                if (random() % 16 == 0) std::this_thread::sleep_for(12ms);
                (void)got.release();
            }
        });
    }
    all.clear();
    EXPECT_TRUE(invariants_hold(*home));
}

/// The calling thread ends as one does that is killed: nothing is unwound, and the kernel looks at its robust list.
void end_this_thread() { ::syscall(SYS_exit, 0); }

TEST_F(ProcessesAsThreads, APermitOfOneWhoseLifeHasEndedGoesToTheNext) {
    // Never to be destroyed: the wait for a background thread that ended like this has no end.
    static segment* dead = nullptr;
    static lease* left_behind = nullptr;
    os::testing::call_at("keeper.before_sleep", end_this_thread);
    dead = new segment(another_process());  // the first that gets a background thread
    left_behind = new lease(dead->semaphore("one", {.permits = 1, .ttl = forever}).acquire());
    auto got = home->find("one").try_acquire_for(30s);
    EXPECT_TRUE(got);
    EXPECT_FALSE(left_behind->valid());
}

}  // namespace
}  // namespace shmsem::test
