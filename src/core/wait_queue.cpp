#include "core/wait_queue.hpp"

#include "core/events.hpp"
#include "core/waiter_signal.hpp"
#include "os/probe.hpp"
#include "os/testing.hpp"

namespace shmsem::core {

using layout::node_state;
using layout::node_word;
using layout::none;

namespace {
constexpr auto relaxed = std::memory_order_relaxed;
}

std::uint32_t wait_queue::waiting() const noexcept {
    return static_cast<std::uint32_t>(block_.gate.load(relaxed) & layout::gate::count_mask);
}

bool wait_queue::queued_here(std::uint32_t n) const noexcept {
    if (!view_.has_node(n)) return false;
    const std::uint64_t bits = view_.node(n).word.load();
    const auto state = node_word::unpack(bits).state;
    if (state != node_state::waiting && state != node_state::abandoned) return false;
    // The same before and after: it is the semaphore of that wait.
    return view_.node(n).semaphore.load(relaxed) == index_ &&
           node_word::unpack(view_.node(n).word.load()).seq == node_word::unpack(bits).seq;
}

//                                     dies after       a survivor sees                        and rebuild() does
//   1 gate + 1                        -                node claimed, gate too high            counts anew
//   2 ticket, claimed -> waiting  COMMIT  wait.enqueued  node waiting, not linked             frees it with its dead owner
//   3 links                           wait.linked      node waiting                           the same
// The gate is raised before dispatch() looks for open slots, and a releaser opens its slot before it looks at the gate, both
// sequentially consistent: one of the two sees the other.                                                                (I4)
void wait_queue::enqueue(std::uint32_t n, node_word claimed) noexcept {
    layout::node& node = view_.node(n);
    own_ = n;
    block_.gate.fetch_add(1, std::memory_order_seq_cst);
    const std::uint64_t ticket = block_.next_ticket.load(relaxed) + 1;
    block_.next_ticket.store(ticket, relaxed);
    block_.queued.fetch_add(1, relaxed);
    node.ticket.store(ticket, relaxed);
    node.prev.store(none, relaxed);
    node.next.store(none, relaxed);
    node.word.store(claimed.as(node_state::waiting).pack(), std::memory_order_seq_cst);
    SHMSEM_PROBE(wait, &block_, ticket);
    os::kill_point("wait.enqueued");
    const std::uint32_t tail = block_.tail.load(relaxed);
    const std::uint32_t head = block_.head.load(relaxed);
    if (head == none && tail == none) {
        block_.head.store(n, relaxed);
    } else if (queued_here(tail) && view_.node(tail).next.load(relaxed) == none && tail != n) {
        node.prev.store(tail, relaxed);
        view_.node(tail).next.store(n, relaxed);
    } else {
        rebuild();
        return;
    }
    block_.tail.store(n, relaxed);
    os::kill_point("wait.linked");
}

// Takes the node out of the links, and lowers the gate. @return false when the links contradicted themselves and all was rebuilt
// from the words, which have to show already that the node does not wait.
bool wait_queue::unlink(std::uint32_t n, place where) noexcept {
    const auto [prev, next] = where;
    layout::word32* before = prev == none ? &block_.head : view_.has_node(prev) ? &view_.node(prev).next : nullptr;
    layout::word32* behind = next == none ? &block_.tail : view_.has_node(next) ? &view_.node(next).prev : nullptr;
    if (before == nullptr || behind == nullptr || before->load(relaxed) != n || behind->load(relaxed) != n ||
        waiting() == 0) {
        rebuild();
        return false;
    }
    before->store(next, relaxed);
    behind->store(prev, relaxed);
    block_.gate.fetch_sub(1, std::memory_order_seq_cst);
    if (info_.order == order::throughput) block_.gate.fetch_and(~layout::gate::roused, std::memory_order_seq_cst);
    return true;
}

// Two chains in ticket order become one. The links are ours alone for now: those of nodes that the words say are waiting here.
std::uint32_t wait_queue::merge(std::uint32_t a, std::uint32_t b) noexcept {
    std::uint32_t first = none;
    layout::word32* end = nullptr;
    for (std::uint32_t left = view_.sizes().waiters; left > 0 && (a != none || b != none); --left) {
        const bool take_a =
            b == none || (a != none && view_.node(a).ticket.load(relaxed) <= view_.node(b).ticket.load(relaxed));
        std::uint32_t& from = take_a ? a : b;
        if (end != nullptr) end->store(from, relaxed);
        if (first == none) first = from;
        end = &view_.node(from).next;
        const std::uint32_t next = end->load(relaxed);
        from = view_.has_node(next) ? next : none;
    }
    if (end != nullptr) end->store(none, relaxed);
    return first;
}

void wait_queue::rebuild() noexcept {
    block_.head.store(none, relaxed);
    block_.tail.store(none, relaxed);
    std::uint64_t count = 0;
    std::uint64_t newest = block_.next_ticket.load(relaxed);
    // A merge sort of a linked list: chains[k] has 2^k nodes or none.
    std::array<std::uint32_t, 32> chains;
    chains.fill(none);
    for (std::uint32_t n = 0; n < view_.sizes().waiters; ++n) {
        if (!queued_here(n)) continue;
        layout::node& node = view_.node(n);
        std::uint64_t bits = node.word.load();
        const node_word word = node_word::unpack(bits);
        if (word.state == node_state::abandoned) {
            node.word.compare_exchange_strong(bits, word.as(node_state::free).pack());
            continue;
        }
        newest = std::max(newest, node.ticket.load(relaxed));
        node.next.store(none, relaxed);
        std::uint32_t chain = n;
        std::size_t k = 0;
        for (; chains[k] != none; ++k) {
            chain = merge(chains[k], chain);
            chains[k] = none;
        }
        chains[k] = chain;
        ++count;
    }
    std::uint32_t all = none;
    for (const std::uint32_t chain : chains) {
        if (chain != none) all = merge(chain, all);
    }
    block_.head.store(all, relaxed);
    std::uint32_t prev = none;
    for (std::uint64_t left = count; left > 0 && view_.has_node(all); --left) {
        view_.node(all).prev.store(prev, relaxed);
        prev = all;
        all = view_.node(all).next.load(relaxed);
    }
    block_.tail.store(prev, relaxed);
    block_.next_ticket.store(newest, relaxed);
    // Flags that were raised meanwhile may be lost here: whoever raised one opened its slot first, and the caller goes on to
    // look for open slots after this store.
    // Torn in this very moment, the gate stays up: what is counted or open there is nothing.
    const std::uint64_t found = home_.torn() ? layout::gate::count_mask : count;
    std::uint64_t gate = block_.gate.load(relaxed);
    while (!block_.gate.compare_exchange_weak(gate, found | (gate & layout::gate::paused), std::memory_order_seq_cst)) {
    }
}

void wait_queue::remove_abandoned(std::uint32_t n, node_word abandoned) noexcept {
    std::uint64_t bits = abandoned.pack();
    if (view_.node(n).word.load() != bits) return;  // a lock owner was faster
    unlink(n, place_of(n));
    view_.node(n).word.compare_exchange_strong(bits, abandoned.as(node_state::free).pack());
}

void wait_queue::purge(layout::process_index p, layout::entry_word dying) noexcept {
    for (std::uint32_t n = 0; n < view_.sizes().waiters; ++n) {
        layout::node& node = view_.node(n);
        std::uint64_t bits = node.word.load();
        const node_word word = node_word::unpack(bits);
        if (word.process != p || word.state == node_state::free || node.semaphore.load(relaxed) != index_) continue;
        // Still dying after the node was read: then the node was the dead process's, not one of a later process with its index.
        if (home_.member().entry(p) != dying) return;
        const bool linked = word.state == node_state::waiting || word.state == node_state::abandoned;
        if (linked) {
            // First the word, so that a rebuild() on the way does not link it again.
            if (!node.word.compare_exchange_strong(bits, word.as(node_state::claimed).pack())) continue;
            unlink(n, place_of(n));
            bits = node.word.load();
        } else if (word.state == node_state::granted && info_.kind == kind::ownerless) {
            // The unit that it died before taking goes back: first into the count, with a note of whence, then the node is freed.
            std::uint64_t seen = block_.count.load();
            layout::count_word with;
            do with = layout::count_word::unpack(seen).plus_one().moving(layout::transit::returning, n, word.seq);
            while (!block_.count.compare_exchange_weak(seen, with.pack()));
            node.word.compare_exchange_strong(bits, word.as(node_state::free).pack());
            settle_count();
            continue;
        }
        node.word.compare_exchange_strong(bits, word.as(node_state::free).pack());
    }
}

void wait_queue::remember_to_wake(std::uint32_t n) noexcept {
    if (n == own_) return;
    if (granted_count_ == granted_.size()) {
        ring(view_.node(n));
        return;
    }
    granted_[granted_count_++] = n;
}

void wait_queue::wake_granted() noexcept {
    os::kill_point("grant.before_wake");
    for (std::uint32_t i = 0; i < granted_count_; ++i) {
        // The waiter may be gone and the node another's by now: then this is one needless wake-up.
        ring(view_.node(granted_[i]));
    }
    granted_count_ = 0;
    if (!view_.has_node(next_) || next_ == own_) return;
    os::kill_point("rouse.before_wake");
    ring(view_.node(next_));
}

// A releaser R and the lock's owner O: R raises the flag, then tries the lock; O frees the lock, then looks at the flag. All four
// are sequentially consistent, so if R found the lock taken, O finds the flag. If O dies instead, the lock is found dead.
void request_dispatch(attachment& home, std::uint32_t index, std::uint64_t identity) noexcept {
    layout::semaphore_block& block = home.view().semaphore(index);
    const auto serve = [](wait_queue& queue) { queue.dispatch(); };
    do {
        if (once_under_lock(home, index, identity, at_once, serve)) continue;
        block.gate.fetch_or(layout::gate::dispatch_wanted, std::memory_order_seq_cst);
        if (!once_under_lock(home, index, identity, at_once, serve)) return;
    } while ((block.gate.load(std::memory_order_seq_cst) & layout::gate::dispatch_wanted) != 0);
}

void set_paused(attachment& home, std::uint32_t index, std::uint64_t identity, bool pause) noexcept {
    layout::word64& gate = home.view().semaphore(index).gate;
    // seq_cst: dispatch() of whoever has the lock now sees it, or another dispatch follows.
    const std::uint64_t before = pause ? gate.fetch_or(layout::gate::paused, std::memory_order_seq_cst)
                                       : gate.fetch_and(~layout::gate::paused, std::memory_order_seq_cst);
    os::kill_point("pause.flagged");
    if (((before & layout::gate::paused) != 0) != pause) {
        record(home, {.kind = pause ? event_kind::paused : event_kind::resumed,
                      .semaphore = index,
                      .process = robust::index_in(identity),
                      .when = os::now()});
    }
    if (!pause) request_dispatch(home, index, identity);
}

}  // namespace shmsem::core
