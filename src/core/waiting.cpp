#include "core/waiting.hpp"

#include <array>
#include <cstdlib>
#include <sched.h>

#include "core/fast_path.hpp"
#include "core/keeper.hpp"
#include "core/reaper.hpp"
#include "core/waiter_signal.hpp"

namespace shmsem::core {

using layout::node_state;

namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr os::nanoseconds longest_sleep{60'000'000'000};  // a file that was cut short wakes nobody

// While it lives, the background thread of this process looks after the semaphores that its threads wait for.
class waiting_mark {
   public:
    /// @param by  when something that it waits for may expire
    waiting_mark(attachment& home, os::instant by) noexcept : page_(home.member().page()) {
        page_.waiting.fetch_add(1, std::memory_order_seq_cst);
        page_.waits_begun.fetch_add(1, std::memory_order_seq_cst);
        ask_keeper_to_watch(home, by);
    }
    ~waiting_mark() { page_.waiting.fetch_sub(1, std::memory_order_seq_cst); }
    waiting_mark(const waiting_mark&) = delete;
    waiting_mark& operator=(const waiting_mark&) = delete;

   private:
    robust::member_page& page_;
};

// Whether spinning has paid for this thread: each time in vain doubles how many times it sleeps at once.
class spin_luck {
   public:
    [[nodiscard]] bool try_it() noexcept {
        if (!getenv("NOLUCK") && sleep_instead_ > 0) {
            --sleep_instead_;
            return false;
        }
        return true;
    }
    void won() noexcept { penalty_ /= 2; }
    void lost() noexcept {
        penalty_ = std::min(2 * penalty_ + 1, 255U);
        sleep_instead_ = penalty_;
    }

   private:
    unsigned penalty_ = 0;
    unsigned sleep_instead_ = 0;
};
thread_local constinit spin_luck the_luck [[gnu::tls_model("initial-exec")]];

// Throughput order: whoever is first and awake takes what it sees open.
void look_for_ourselves(const semaphore_info& info, std::uint64_t identity, claimed_node& mine) noexcept {
    if (info.order != order::throughput) return;
    for (std::uint32_t i = 0; i < info.range.hint_words(); ++i) {
        for (std::uint64_t hint = info.hint_words[i].load(std::memory_order_seq_cst); hint != 0; hint &= hint - 1) {
            const std::uint32_t seat = i * 64 + static_cast<std::uint32_t>(std::countr_zero(hint));
            if (seat >= info.range.capacity || !layout::is_open(info.slots[seat].word.load(std::memory_order_seq_cst))) continue;
            (void)under_lock(*info.home, info.index, identity, at_once, [&](wait_queue& queue) { queue.dispatch_for(mine.index()); });
            return;
        }
    }
}

void spin(const semaphore_info& info, std::uint64_t identity, claimed_node& mine, const wait_request& request) noexcept {
    static int lazy = getenv("LAZY") ? atoi(getenv("LAZY")) : 32;
    static int budget = getenv("BUDGET") ? atoi(getenv("BUDGET")) : 30000;
    static int yafter = getenv("YIELD") ? atoi(getenv("YIELD")) : 1000000;
    mine.node().signal.fetch_and(~waiter_asleep, std::memory_order_seq_cst);
    const os::instant end = std::min(request.until, os::after(os::now(), os::nanoseconds{budget}));
    for (int round=0;;++round) {
        for (int i = 0; i < 32; ++i) {
            if (!mine.waits()) return the_luck.won();
            os::relax();
            if (i % lazy == 0) look_for_ourselves(info, identity, mine);
        }
        if (os::now() >= end || request.stop.stop_requested()) return the_luck.lost();
        if (round>yafter) sched_yield();
    }
}

// What nobody watched before it came is looked at once. @return when the next lease can expire
os::instant look_at_leases(const semaphore_info& info, std::uint64_t identity) noexcept {
    if (info.kind != kind::leased) return os::never;
    const swept found = sweep(*info.home, info.index, identity);
    // A lease that begins later lives for the shortest ttl at least.
    const std::uint32_t shortest = info.block->shortest_ttl.load(relaxed);
    return shortest == 0 ? found.next : std::min(found.next, os::after(os::now(), layout::duration_of(shortest)));
}

}  // namespace

node_state wait_until_served(const semaphore_info& info, std::uint64_t identity, claimed_node& mine,
                             const wait_request& request, wait_result& left) noexcept {
    const layout::semaphore_block& block = *info.block;
    const bool may_spin = block.front_wait_ns.load(relaxed) <= worth_spinning_ns && the_luck.try_it();
    mine.node().processor.store(may_spin ? static_cast<std::uint32_t>(::sched_getcpu()) : layout::none, relaxed);
    if (may_spin && block.head.load(relaxed) == mine.index()) spin(info, identity, mine, request);
    if (const auto now = mine.state(); now != node_state::waiting) return now.value_or(node_state::free);
    const waiting_mark mark(*info.home, look_at_leases(info, identity));

    layout::word32& signal = mine.node().signal;
    // A stop has a word of its own, in memory that nobody else can overwrite. Where the kernel cannot wait for two words, the
    // waiter sleeps on the first alone.
    os::futex_word stopped_here{0};
    const auto wake = [&mine, &stopped_here] {
        stopped_here.store(1, std::memory_order_seq_cst);
        os::futex_wake(stopped_here, 1);
        ring_again(mine.node());
    };
    std::optional<std::stop_callback<decltype(wake)>> on_stop;
    if (request.stop.stop_possible()) on_stop.emplace(request.stop, wake);
    const bool barging = info.order == order::throughput;
    const os::instant limit = os::after(os::now(), barging_limit);
    bool hurried = !barging;
    for (bool woken = false;; woken = true) {
        if (woken && (may_spin || !hurried)) {
            spin(info, identity, mine, request);
        }
        if (barging) {
          info.block->gate.fetch_and(~layout::gate::roused, std::memory_order_seq_cst);
          look_for_ourselves(info, identity, mine);
        }
        // Before the state: see waiter_signal.hpp. A ring after this changes the signal, and the sleep ends at once.
        const std::uint32_t seen = signal.fetch_or(waiter_asleep, std::memory_order_seq_cst) | waiter_asleep;
        const node_state state = mine.state().value_or(node_state::free);
        if (state != node_state::waiting) return state;
        const bool stopped = request.stop.stop_requested();
        const os::instant now = os::now();
        if (stopped || now >= request.until) {
            if (!mine.abandon()) continue;
            left = stopped ? wait_result::cancelled : wait_result::timed_out;
            os::kill_point("wait.abandoned");
            return node_state::abandoned;
        }
        if (!hurried && now >= limit) {
            hurried = true;
            info.block->gate.fetch_or(layout::gate::strict, std::memory_order_seq_cst);
            request_dispatch(*info.home, info.index, identity);
            continue;
        }
        os::kill_point("wait.before_sleep");
        const os::instant look_again = std::min(request.until, hurried ? os::after(now, longest_sleep) : limit);
        const std::array<os::waited_word, 2> words{{{&signal, seen}, {&stopped_here, 0}}};
        if (on_stop && os::futex_wait_any(words, look_again) != os::wait_any_result::unsupported) continue;
        os::futex_wait(signal, seen, on_stop ? std::min(look_again, os::after(now, os::one_word_sleep)) : look_again);
    }
}

}  // namespace shmsem::core
