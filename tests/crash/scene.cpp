#include "crash/scene.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "layout/words.hpp"
#include "support/raw_segment.hpp"

namespace shmsem::test {
namespace {

using namespace std::chrono_literals;

void make(const std::string& name, const semaphore_options& options, const limits& sizes) {
    in_child([&] { (void)segment::create(name, sizes).semaphore(scene::permits, options); });
}

// An entry whose process died before it had a life word is only ever given to the next who needs one: attach_test.cpp.
bool all_alive(const segment_snapshot& around) {
    return std::all_of(around.processes.begin(), around.processes.end(), [](const process_info& one) {
        return one.state == "joining" || (one.state == "alive" && one.life == "alive");
    });
}

std::string listed(const segment_snapshot& around) {
    std::string text;
    for (const auto& process : around.processes) {
        text += "\n  pid " + std::to_string(process.pid) + " " + process.state + ", " + process.life;
    }
    return text;
}

bool takes_all(semaphore& permits) {
    auto all = permits.try_acquire_for(liveness_bound, {.permits = permits.permits()});
    EXPECT_TRUE(all) << "only " << permits.available() << " of " << permits.permits() << " permits came free";
    if (!all) return false;
    EXPECT_EQ(permits.available(), 0U);
    EXPECT_TRUE(all->release());
    EXPECT_EQ(permits.available(), permits.permits());
    return true;
}

void expect_room_for_waiters(semaphore& permits, std::uint32_t room) {
    auto all = permits.acquire({.permits = permits.permits()});
    std::atomic<std::uint32_t> served{0};
    std::vector<std::thread> waiters;
    for (std::uint32_t i = 0; i < room; ++i) {
        waiters.emplace_back([&] {
            std::error_code ec;
            auto mine = permits.try_acquire_for(liveness_bound, {}, ec);
            EXPECT_FALSE(ec) << ec.message();
            if (mine) served.fetch_add(1);
        });
    }
    EXPECT_TRUE(queued(permits, room));
    EXPECT_TRUE(all.release());
    for (auto& waiter : waiters) waiter.join();
    EXPECT_EQ(served.load(), room);
}

void expect_no_trace(segment& home) {
    expect_only_the_living(home);
    for (const auto& one : home.inspect().semaphores) {
        EXPECT_EQ(one.stats.acquired, 0U) << one.name;
        EXPECT_EQ(one.stats.waiting, 0U) << one.name;
        EXPECT_EQ(one.stats.inversions, 0U) << one.name;
    }
    EXPECT_TRUE(invariants_hold(home));
}

std::uint32_t nodes_in_use(const std::string& name) {
    const raw_segment inside(name);
    std::uint32_t count = 0;
    for (std::uint32_t i = 0; i < inside.view().sizes().waiters; ++i) {
        const auto word = layout::node_word::unpack(inside.view().node(i).word.load());
        if (word.state != layout::node_state::free) ++count;
    }
    return count;
}

}  // namespace

semaphore_options unexpiring(std::int64_t permits, std::int64_t max_permits) {
    return {.permits = permits, .max_permits = max_permits, .ttl = forever};
}

scene::scene(const semaphore_options& options, const limits& sizes) : name_("crash") {
    make(name(), options, sizes);
    seen_ = segment::open(name(), access::read_only);
}

semaphore_snapshot scene::look(const std::string& semaphore) const {
    for (auto& one : seen_.inspect().semaphores) {
        if (one.name == semaphore) return one;
    }
    ADD_FAILURE() << "the semaphore has gone";
    return {};
}

bool scene::queued(std::uint32_t n) const {
    return eventually([&] { return look().stats.waiting == n; });
}

std::size_t files_of(const std::string& name) {
    std::size_t count = 0;
    for (const auto& file : std::filesystem::directory_iterator("/dev/shm")) {
        if (file.path().filename().string().find(name) != std::string::npos) ++count;
    }
    return count;
}

void expect_only_the_living(segment& home) {
    EXPECT_TRUE(eventually([&] {
        (void)home.reap();
        return all_alive(home.inspect());
    })) << listed(home.inspect());
}

void expect_whole(const scene& after) {
    in_child([&] {
        segment home = after.open();
        semaphore permits = home.find(scene::permits);
        if (!takes_all(permits)) return;
        expect_room_for_waiters(permits, home.limits().waiters);
        expect_no_trace(home);
    });
}

void expect_unharmed(const scene& after, const std::function<void(segment&)>& also) {
    in_child([&] {
        segment home = after.open();
        semaphore permits = home.find(scene::permits);
        if (!takes_all(permits)) return;
        if (also) also(home);
        expect_no_trace(home);
        EXPECT_EQ(nodes_in_use(after.name()), 0U) << "waiter nodes are lost";
    });
}

void expect_usable(segment& home) {
    auto permits = home.semaphore("p", unexpiring(2));
    auto all = permits.try_acquire_for(liveness_bound, {.permits = 2});
    ASSERT_TRUE(all);
    EXPECT_TRUE(all->release());
    EXPECT_TRUE(invariants_hold(home));
}

}  // namespace shmsem::test
