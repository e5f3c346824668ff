#include "core/wait_queue.hpp"

#include "os/probe.hpp"
#include "os/testing.hpp"

// Granting. Only under the semaphore's lock, only here.

namespace shmsem::core {

using layout::count_word;
using layout::node_state;
using layout::node_word;
using layout::none;
using layout::slot_state;
using layout::slot_word;
using layout::transit;

namespace {
constexpr auto relaxed = std::memory_order_relaxed;
constexpr std::uint32_t looked_ahead = 3;  // in the queue, for one that may be woken before its turn
}  // namespace

void wait_queue::dispatch() noexcept {
    const bool barging = info_.order == order::throughput;
    if (barging) hurry_if_first_waits_long();
    serve_all();
    if (barging) hurry_if_first_waits_long();
}

// Throughput order: newcomers may take what comes free, but not for ever. Whoever stands first for a millisecond closes the gate.
void wait_queue::hurry_if_first_waits_long() noexcept {
    const std::uint32_t n = block_.head.load(relaxed);
    bool long_enough = false;
    if (view_.has_node(n)) {
        const os::instant since = os::instant_of_ns(view_.node(n).enqueued_ns.load(relaxed));
        long_enough = os::elapsed(since, os::now()) >= barging_limit;
    }
    if (long_enough) {
        block_.gate.fetch_or(layout::gate::strict, std::memory_order_seq_cst);
    } else {
        block_.gate.fetch_and(~layout::gate::strict, std::memory_order_seq_cst);
    }
}

void wait_queue::serve_all() noexcept {
    // Before looking at slots: who opens one from now on raises the flag again.
    const std::uint64_t gate = block_.gate.fetch_and(~layout::gate::dispatch_wanted, std::memory_order_seq_cst);
    if ((gate & layout::gate::dispatch_wanted) != 0) take_out_abandoned();
    for (std::uint32_t left = view_.sizes().waiters + 1; left > 0; --left) {
        const std::uint32_t n = block_.head.load(relaxed);
        if (n == none) {
            if (waiting() == 0 || home_.torn()) return;
            rebuild();
            continue;
        }
        if (!queued_here(n)) {
            rebuild();
            continue;
        }
        const node_word word = node_word::unpack(view_.node(n).word.load());
        const os::instant now = os::now();
        if (!take_out_front(n, word, now)) {
            if (paused(block_) || looks_for_itself(n)) return;
            const bool served = info_.kind == kind::leased ? serve_leased(n, word, now) : serve_ownerless(n, word, now);
            if (!served) return;
        }
    }
}

// Throughput order: a permit that were handed to a sleeper would be idle until it runs. While newcomers may enter the first is only
// woken, when there is something for it, and calls dispatch_for() when it sees it open. Should it not: see barging_limit.
bool wait_queue::looks_for_itself(std::uint32_t n) noexcept {
    if (info_.order != order::throughput || n == own_ || (block_.gate.load(relaxed) & layout::gate::strict) != 0)
        return false;
    const std::uint32_t wanted = view_.node(n).permits.load(relaxed);
    if (open_slots(wanted) < wanted) return true;
    block_.gate.fetch_or(layout::gate::roused, std::memory_order_seq_cst);
    os::kill_point("rouse.flagged");
    next_ = n;
    return true;
}

// Those who left while somebody else had the lock, wherever they stood.
void wait_queue::take_out_abandoned() noexcept {
    std::uint32_t n = block_.head.load(relaxed);
    for (std::uint32_t left = view_.sizes().waiters; left > 0 && view_.has_node(n); --left) {
        const std::uint32_t next = view_.node(n).next.load(relaxed);
        const node_word word = node_word::unpack(view_.node(n).word.load());
        if (word.state == node_state::abandoned && queued_here(n)) remove_abandoned(n, word);
        n = next;
    }
}

// A head that nothing can be granted to: abandoned, of a dying process, or asking for more than there is.
bool wait_queue::take_out_front(std::uint32_t n, node_word word, os::instant now) noexcept {
    layout::node& node = view_.node(n);
    std::uint64_t bits = word.pack();
    if (word.state == node_state::abandoned) {
        remove_abandoned(n, word);
        return true;
    }
    const bool alive =
        view_.has_process(word.process) && home_.member().entry(word.process).state == layout::entry_state::alive;
    if (!alive) {
        // Its reaper frees the node; claimed, it is out of the queue.
        const place where = place_of(n);
        if (node.word.compare_exchange_strong(bits, word.as(node_state::claimed).pack())) unlink(n, where);
        return true;
    }
    // A waiter that is stopped cannot leave by itself, and must not hold up those behind it.
    if (node.until_ns.load(relaxed) <= static_cast<std::uint64_t>(now.time_since_epoch().count())) {
        if (node.word.compare_exchange_strong(bits, word.as(node_state::abandoned).pack())) {
            remove_abandoned(n, word.as(node_state::abandoned));
        }
        return true;
    }
    const std::uint32_t wanted = node.permits.load(relaxed);
    if (info_.kind == kind::leased && (wanted == 0 || wanted > permits_in(info_))) {
        const place where = place_of(n);  // as in mark_granted()
        if (node.word.compare_exchange_strong(bits, word.as(node_state::refused).pack())) {
            unlink(n, where);
            remember_to_wake(n);
        }
        return true;
    }
    return false;
}

//                                          dies after            a survivor's recover() sees         and does
//   1 slot.granted_to = node               grant.before_commit   slots open, node waiting            serves it anew
//   2 slot open -> granted  COMMIT         grant.after_commit    slots granted to a waiting node     all of them there: 3; else
//     (once per permit)                                                                              opens them again
//   3 node waiting -> granted              grant.marked          node granted, still linked          unlinks it, wakes it
//   4 out of the links, gate - 1           grant.unlinked        node granted                        wakes it
//   5 wake, after unlocking                grant.before_wake     the same                            the dead granter's reaper wakes it
// A slot is granted only here, under the lock, right after granted_to was written, so "granted" and granted_to together name
// one node, and no fast acquisition by another thread of the waiter's process can look like it: that one is "held".     (I1)
bool wait_queue::serve_leased(std::uint32_t n, node_word word, os::instant now) noexcept {
    layout::node& node = view_.node(n);
    const std::uint32_t wanted = node.permits.load(relaxed);
    if (open_slots(wanted) < wanted) return false;
    const std::uint32_t ttl = node.ttl_ticks.load(relaxed);
    const layout::tick until = ttl == 0 ? layout::tick{} : layout::tick_clock::after(home_.clock().at(now), ttl);
    std::uint32_t first = none;
    std::uint32_t got = 0;
    hints_.each(0, [&](std::uint32_t s) {
        if (install(s, n, word.process, until)) {
            if (first == none) first = s;
            ++got;
        } else {
            hints_.clear(s);
        }
        return got == wanted;
    });
    if (got < wanted) {
        // A newcomer that had seen an open gate took one meanwhile; there can be no more of those than threads.
        take_back(n, word.process);
        return open_slots(wanted) >= wanted;
    }
    node.first_slot.store(first, relaxed);
    if (!mark_granted(n, word, now)) {
        take_back(n, word.process);  // it left in this very moment
        return true;                 // the next round takes it out
    }
    return true;
}

// Counts up to `enough` open slots, and clears hints that lead nowhere.
std::uint32_t wait_queue::open_slots(std::uint32_t enough) noexcept {
    std::uint32_t found = 0;
    hints_.each(0, [&](std::uint32_t s) {
        const auto w = slot_word::unpack(view_.slot(s).word.load(std::memory_order_seq_cst));
        if (w.state == slot_state::open || hints_.clear(s)) ++found;
        return found == enough;
    });
    return found;
}

bool wait_queue::install(std::uint32_t s, std::uint32_t n, layout::process_index p, layout::tick until) noexcept {
    layout::slot& slot = view_.slot(s);
    std::uint64_t bits = slot.word.load(std::memory_order_seq_cst);
    const slot_word seen = slot_word::unpack(bits);
    if (seen.state != slot_state::open) return false;
    // Only here does seq wrap: the fast path leaves a slot alone whose seq is at its end. Dying after this skips some tokens.
    if (seen.seq == layout::max_seq) slot.seq_high.fetch_add(1, std::memory_order_seq_cst);
    slot.granted_to.store(n, relaxed);
    os::kill_point("grant.before_commit");
    // seq_cst, of which release publishes granted_to to the waiter and to recover().
    if (!slot.word.compare_exchange_strong(bits, seen.acquired_by(p, until, slot_state::granted).pack())) return false;
    os::kill_point("grant.after_commit");
    return true;
}

bool wait_queue::mark_granted(std::uint32_t n, node_word waiting, os::instant when) noexcept {
    layout::node& node = view_.node(n);
    const auto now = static_cast<std::uint64_t>(when.time_since_epoch().count());
    node.granted_ns.store(now, relaxed);
    // From the CAS on its waiter may go, and the node be another's, in another queue.
    const place where = place_of(n);
    const std::uint64_t ticket = node.ticket.load(relaxed);
    const std::uint64_t enqueued = node.enqueued_ns.load(relaxed);
    const std::uint32_t processor = node.processor.load(relaxed);
    std::uint64_t bits = waiting.pack();
    // release: the waiter's acquire load of "granted" sees first_slot and granted_ns.
    if (!node.word.compare_exchange_strong(bits, waiting.as(node_state::granted).pack())) return false;
    SHMSEM_PROBE(grant, &block_, ticket);
    os::kill_point("grant.marked");
    if (ticket <= block_.last_granted.load(relaxed)) block_.inversions.fetch_add(1, relaxed);
    block_.last_granted.store(ticket, relaxed);
    block_.granted.fetch_add(1, relaxed);
    unlink(n, where);
    remember_to_wake(n);
    note_front_wait(enqueued, processor, now);
    os::kill_point("grant.unlinked");
    return true;
}

// Hand-offs that follow each other faster than a sleeper wakes: then whoever is first now is woken already, and spins for its turn while
// the one before it works.
void wait_queue::note_front_wait(std::uint64_t enqueued_ns, std::uint32_t here, std::uint64_t now_ns) noexcept {
    const std::uint64_t first_since = std::max(enqueued_ns, block_.last_taken_ns.load(relaxed));
    constexpr std::uint64_t long_enough = 50 * worth_spinning_ns;
    const std::uint64_t sample = now_ns > first_since ? std::min(now_ns - first_since, long_enough) : 0;
    const std::uint64_t usual = (3 * block_.front_wait_ns.load(relaxed) + sample) / 4;
    block_.front_wait_ns.store(static_cast<std::uint32_t>(usual), relaxed);
    next_ = none;
    if (usual > worth_spinning_ns) return;
    std::uint32_t n = block_.head.load(relaxed);
    for (std::uint32_t i = 0; i < looked_ahead && view_.has_node(n); ++i) {
        const std::uint32_t there = view_.node(n).processor.load(relaxed);
        if (there != here && there != none) {
            next_ = n;
            return;
        }
        n = view_.node(n).next.load(relaxed);
    }
}

// Opens every slot that is granted to the node of that process, all of which this lock or a dead owner of it put there.
void wait_queue::take_back(std::uint32_t n, layout::process_index p) noexcept {
    for (std::uint32_t i = 0; i < info_.range.capacity; ++i) {
        layout::slot& slot = view_.slot(info_.range.first + i);
        std::uint64_t bits = slot.word.load();
        slot_word w = slot_word::unpack(bits);
        if (!w.granted() || w.process != p || slot.granted_to.load(relaxed) != n) continue;
        while (w.granted() && w.process == p && !slot.word.compare_exchange_weak(bits, w.ended().pack()))
            w = slot_word::unpack(bits);
        hints_.set(info_.range.first + i);
    }
}

//                                          dies after      a survivor's settle_count() sees     and does
//   1 count - 1, granting to node  COMMIT  count.taken     granting, node waiting               2; or, node abandoned: count + 1
//   2 node waiting -> granted              count.marked    granting, node not waiting           3
//   3 granting -> none                     -               nothing                              nothing
bool wait_queue::serve_ownerless(std::uint32_t n, node_word word, os::instant when) noexcept {
    std::uint64_t seen = block_.count.load(std::memory_order_seq_cst);
    count_word with;
    do {
        const count_word now = count_word::unpack(seen);
        if (now.count == 0) return false;
        with = now.minus_one().moving(transit::granting, n, word.seq);
    } while (!block_.count.compare_exchange_weak(seen, with.pack(), std::memory_order_seq_cst));
    os::kill_point("count.taken");
    mark_granted(n, word, when);
    os::kill_point("count.marked");
    settle_count();
    return true;
}

void wait_queue::settle_count() noexcept {
    std::uint64_t seen = block_.count.load(std::memory_order_seq_cst);
    for (;;) {
        const count_word now = count_word::unpack(seen);
        if (now.transit == transit::none) return;
        count_word settled = now.settled();
        if (view_.has_node(now.node)) {
            layout::node& node = view_.node(now.node);
            std::uint64_t bits = node.word.load();
            const node_word word = node_word::unpack(bits);
            const bool same = (word.seq & count_word::tag_mask) == now.tag && node.semaphore.load(relaxed) == index_;
            if (now.transit == transit::granting && same) {
                if (word.state == node_state::waiting && mark_granted(now.node, word, os::now())) continue;
                // It left before it was marked: the unit never reached it. An abandoned node is freed only under this lock.
                if (node_word::unpack(node.word.load()).state == node_state::abandoned) settled = settled.plus_one();
            } else if (now.transit == transit::returning && same && word.state == node_state::granted) {
                node.word.compare_exchange_strong(bits, word.as(node_state::free).pack());
            }
        }
        // The count may be raised by others at any time; the transit part is changed under this lock only.
        if (block_.count.compare_exchange_strong(seen, settled.pack(), std::memory_order_seq_cst)) return;
    }
}

}  // namespace shmsem::core
