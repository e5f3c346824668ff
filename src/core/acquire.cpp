#include "core/acquire.hpp"

#include <array>
#include <optional>

#include "core/fast_path.hpp"
#include "core/keeper.hpp"
#include "core/reaper.hpp"

namespace shmsem::core {

using layout::node_state;
using layout::node_word;
using layout::slot_word;

namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr os::nanoseconds longest_sleep{60'000'000'000};  // a file that was cut short wakes nobody
constexpr os::nanoseconds stopped_waiters_grace{50'000'000};  // after its deadline a waiter leaves by itself, if it runs

// A waiter node of ours, from the segment's pool. Dying with it claimed, its owner's reaper frees it.
class claimed_node {
   public:
    claimed_node(attachment& home, layout::process_index me) noexcept : home_(home) {
        const std::uint32_t count = home.view().sizes().waiters;
        static std::atomic<std::uint32_t> last{0};  // where to look first; any value is right
        const std::uint32_t start = last.load(relaxed);
        for (std::uint32_t k = 0; k < count; ++k) {
            const std::uint32_t n = (start + k) % count;
            layout::node& node = home.view().node(n);
            std::uint64_t bits = node.word.load(relaxed);
            const node_word seen = node_word::unpack(bits);
            if (seen.state != node_state::free) continue;
            const node_word mine{.state = node_state::claimed, .process = me, .seq = seen.seq + 1};
            if (!node.word.compare_exchange_strong(bits, mine.pack(), std::memory_order_seq_cst)) continue;
            index_ = n;
            word_ = node_word::unpack(mine.pack());
            last.store(n + 1, relaxed);
            os::kill_point("wait.node_claimed");
            return;
        }
    }
    ~claimed_node() {
        if (index_ == layout::none) return;
        // In whichever of the states that are ours to end; if a lock owner has ended it already, it is another's now.
        layout::word64& word = node().word;
        for (const node_state s : {node_state::claimed, node_state::granted, node_state::refused}) {
            std::uint64_t bits = word_.as(s).pack();
            if (word.compare_exchange_strong(bits, word_.as(node_state::free).pack(), std::memory_order_seq_cst)) return;
        }
    }
    claimed_node(const claimed_node&) = delete;
    claimed_node& operator=(const claimed_node&) = delete;

    [[nodiscard]] bool found() const noexcept { return index_ != layout::none; }
    [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
    [[nodiscard]] node_word word() const noexcept { return word_; }
    [[nodiscard]] layout::node& node() const noexcept { return home_.view().node(index_); }
    /// What has become of it; nothing when the word is not one of ours any more.
    [[nodiscard]] std::optional<node_state> state() const noexcept {
        const node_word now = node_word::unpack(node().word.load(std::memory_order_seq_cst));
        if (now.process != word_.process || now.seq != word_.seq) return std::nullopt;
        return now.state;
    }
    /// Leaves the queue without the lock. @return false when a grant or a refusal came first
    bool abandon() noexcept {
        std::uint64_t bits = word_.as(node_state::waiting).pack();
        return node().word.compare_exchange_strong(bits, word_.as(node_state::abandoned).pack(), std::memory_order_seq_cst);
    }

   private:
    attachment& home_;
    std::uint32_t index_ = layout::none;
    node_word word_;
};

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

node_state sleep_until_served(claimed_node& mine, const wait_request& request, wait_result& left) noexcept {
    layout::word32& signal = mine.node().signal;
    // A stop has a word of its own, in memory that nobody else can overwrite. Where the kernel cannot wait for two words, the
    // waiter sleeps on the first alone.
    os::futex_word stopped_here{0};
    const auto wake = [&signal, &stopped_here] {
        stopped_here.store(1, std::memory_order_seq_cst);
        os::futex_wake(stopped_here, 1);
        signal.fetch_add(1, std::memory_order_seq_cst);
        os::futex_wake(signal, 1);
    };
    std::optional<std::stop_callback<decltype(wake)>> on_stop;
    if (request.stop.stop_possible()) on_stop.emplace(request.stop, wake);
    for (;;) {
        // Before the state: a grant after this load changes the signal, and the sleep ends at once.
        const std::uint32_t seen = signal.load(std::memory_order_seq_cst);
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
        os::kill_point("wait.before_sleep");
        const os::instant look_again = std::min(request.until, os::after(now, longest_sleep));
        const std::array<os::waited_word, 2> words{{{&signal, seen}, {&stopped_here, 0}}};
        if (on_stop && os::futex_wait_any(words, look_again) != os::wait_any_result::unsupported) continue;
        os::futex_wait(signal, seen, on_stop ? std::min(look_again, os::after(now, os::one_word_sleep)) : look_again);
    }
}

// Granted slots become held ones. @return false when any was lost before it could be taken over: then none is kept
bool take_over(const semaphore_info& info, const claimed_node& mine, const wait_request& request, std::uint64_t identity,
               lease_record& lease) noexcept {
    const layout::node& node = mine.node();
    const std::uint32_t first = node.first_slot.load(relaxed);
    const layout::slot_range& range = info.range;
    const os::instant granted = os::instant_of_ns(node.granted_ns.load(relaxed));
    std::uint32_t got = 0;
    for (std::uint32_t k = 0; k < range.capacity && got < request.permits; ++k) {
        // The slots of one grant usually follow the first.
        const std::uint32_t start = first - range.first < range.capacity ? first - range.first : 0;
        const std::uint32_t seat = (start + k) % range.capacity;
        layout::slot& slot = info.slots[seat];
        const std::uint32_t high = slot.seq_high.load(std::memory_order_acquire);
        std::uint64_t bits = slot.word.load(std::memory_order_acquire);
        slot_word w = slot_word::unpack(bits);
        if (!w.granted() || w.process != mine.word().process || slot.granted_to.load(relaxed) != mine.index()) continue;
        // Described before it is held, so that no renewal of a held slot goes by the last lease's ttl.
        describe(slot, request.what, granted, node.tid.load(relaxed));
        end_description(slot, w.seq);
        // Renewed or told to retire meanwhile, it is still the same grant; reaped and granted anew, it is another's.
        const slot_word granted_to_us = w;
        bool held = false;
        while (w.granted() && w.same_lease(granted_to_us) &&
               !(held = slot.word.compare_exchange_weak(bits, w.become(layout::slot_state::held).pack()))) {
            w = slot_word::unpack(bits);
        }
        if (!held) continue;
        w = w.become(layout::slot_state::held);
        if (slot.seq_high.load(std::memory_order_acquire) != high) {  // as in take_slot()
            bits = w.pack();
            (void)slot.word.compare_exchange_strong(bits, w.ended().pack(), std::memory_order_seq_cst);
            continue;
        }
        const std::uint64_t token = token_of(high, w.seq);
        if (lease.all) lease.all[got] = {seat, w.pack(), token};
        if (got++ == 0) {
            lease.seat = seat;
            lease.word = w.pack();
            lease.token = token;
        }
    }
    lease.of = &info;
    lease.identity = identity;
    lease.ticket = node.ticket.load(relaxed);
    lease.permits = got;
    lease.timed = 1;
    if (got == request.permits) return true;
    for (std::uint32_t i = 0; i < got; ++i) {
        const permit p = lease.all ? lease.all[i] : permit{lease.seat, lease.word, lease.token};
        (void)give_back(info, p);
    }
    lease.of = nullptr;
    return false;
}

}  // namespace

wait_result wait_in_queue(attachment& home, std::uint32_t index, std::uint64_t identity, const wait_request& request,
                          lease_record& lease, std::error_code& ec) noexcept {
    const semaphore_info& info = home.info(index);
    layout::semaphore_block& block = *info.block;
    if (request.permits > 1 && !lease.all) {
        lease.all.reset(new (std::nothrow) permit[request.permits]);
        if (!lease.all) {
            ec = std::make_error_code(std::errc::not_enough_memory);
            return wait_result::failed;
        }
    }
    claimed_node mine(home, robust::index_in(identity));
    if (!mine.found()) {
        ec = home.cause(errc::too_many_waiters);
        return wait_result::failed;
    }
    const os::instant enqueued = os::now();
    layout::node& node = mine.node();
    node.semaphore.store(index, relaxed);
    node.permits.store(request.permits, relaxed);
    node.ttl_ticks.store(request.what.ttl_ticks, relaxed);
    node.tenant.store(request.what.tenant, relaxed);
    node.tid.store(os::thread_identity::current().tid(), relaxed);
    node.enqueued_ns.store(static_cast<std::uint64_t>(enqueued.time_since_epoch().count()), relaxed);
    node.label.store(request.what.label);
    const os::instant given_up = os::after(std::max(request.until, enqueued), stopped_waiters_grace);
    node.until_ns.store(static_cast<std::uint64_t>(given_up.time_since_epoch().count()), relaxed);

    bool full = false;
    const bool locked = under_lock(home, index, identity, {request.lock_until, request.stop}, [&](wait_queue& queue) {
        os::kill_point("wait.locked");
        if (info.max_waiters != 0 && queue.waiting() >= info.max_waiters) {
            full = true;
            return;
        }
        queue.enqueue(mine.index(), mine.word());
        queue.dispatch();
    });
    const bool polled = request.until <= enqueued;  // no wait, so no time-out to count
    const auto gone = [&](wait_result how) {
        if (!polled) (how == wait_result::cancelled ? block.cancelled : block.timed_out).fetch_add(1, relaxed);
        return how;
    };
    if (!locked && home.torn()) {
        ec = errc::segment_truncated;
        return wait_result::failed;
    }
    if (!locked) return gone(request.stop.stop_requested() ? wait_result::cancelled : wait_result::timed_out);
    if (full) {
        ec = errc::too_many_waiters;
        return wait_result::failed;
    }
    wait_result left = wait_result::failed;
    node_state end = node_state::waiting;
    if (const auto now = mine.state(); !now || *now != node_state::waiting) {
        end = now.value_or(node_state::free);  // served at once
    } else {
        os::instant by = os::never;
        if (info.kind == kind::leased) {
            const swept found = sweep(home, index, identity);
            // A lease that begins later lives for the shortest ttl at least.
            const std::uint32_t shortest = block.shortest_ttl.load(relaxed);
            by = shortest == 0 ? found.next : std::min(found.next, os::after(os::now(), layout::duration_of(shortest)));
        }
        const waiting_mark mark(home, by);
        end = sleep_until_served(mine, request, left);
    }
    // Taken out by others, because we were stopped for long after our deadline: as good as timed out.
    if ((end == node_state::free || end == node_state::abandoned) && left == wait_result::failed &&
        os::now() >= request.until) {
        end = node_state::abandoned;
        left = wait_result::timed_out;
    }
    switch (end) {
        case node_state::granted: os::kill_point("wait.granted"); break;
        case node_state::abandoned: {
            // Out of the links, and whoever stood behind is served. If the lock is taken, its owner does it for us.
            const bool done = under_lock(home, index, identity, at_once, [&](wait_queue& queue) {
                queue.remove_abandoned(mine.index(), mine.word().as(node_state::abandoned));
                queue.dispatch();
            });
            if (!done) request_dispatch(home, index, identity);
            return gone(left);
        }
        case node_state::refused:  // the semaphore has shrunk below what was asked for
            ec = errc::invalid_argument;
            return wait_result::failed;
        default: ec = home.cause(errc::segment_corrupt); return wait_result::failed;
    }
    if (info.kind == kind::leased && !take_over(info, mine, request, identity, lease)) {
        // The ttl passed between the grant and this line: we were stopped for that long. Its turn has come and gone; queue again.
        look_at_gate(info, identity);
        return wait_result::timed_out;
    }
    add_to_histogram(block.wait, os::now() - enqueued, 1);
    os::kill_point("wait.taken");
    return wait_result::granted;
}

}  // namespace shmsem::core
