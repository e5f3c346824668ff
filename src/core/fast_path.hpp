#pragma once

#include "core/hints.hpp"
#include "core/lease_record.hpp"
#include "core/wait_queue.hpp"
#include "os/testing.hpp"

// Acquire and release when nobody waits: one compare-exchange each, and no system call.

namespace shmsem::core {

/// Where this thread looks first, and its id; one line of thread-local memory.
struct thread_habits {
    std::uint64_t identity = 0;  // for which tid and start are right
    std::uint32_t tid = 0;
    std::uint32_t slot = 0;
};
extern constinit thread_local thread_habits the_habits [[gnu::tls_model("initial-exec")]];
void form_habits(std::uint64_t identity) noexcept;
[[nodiscard]] inline thread_habits& habits(std::uint64_t identity) noexcept {
    thread_habits& mine = the_habits;
    if (mine.identity != identity) [[unlikely]] form_habits(identity);
    return mine;
}

void add_to_histogram(layout::stored_histogram& h, os::nanoseconds value, std::uint32_t weight) noexcept;

/// Holds of leases taken without queueing are sampled, so that the common release reads no clock: the first 64 of each slot,
/// then one in 64, which counts for 64.
constexpr std::uint32_t hold_weight(std::uint64_t token, bool queued) noexcept {
    return queued || token <= 64 ? 1 : token % 64 == 0 ? 64 : 0;
}

void set_label(layout::slot& slot, std::string_view label) noexcept;
[[gnu::always_inline]] inline void describe(layout::slot& slot, layout::slot_word word, const description& d, os::instant acquired, std::uint32_t tid) noexcept {
    constexpr auto relaxed = std::memory_order_relaxed;
    slot.acquired_ns.store(static_cast<std::uint64_t>(acquired.time_since_epoch().count()), relaxed);
    slot.ttl_ticks.store(d.ttl_ticks, relaxed);
    slot.tid.store(tid, relaxed);
    slot.tenant.store(d.tenant, relaxed);
    if (!d.label.empty() || slot.label.words[0].load(relaxed) != 0) [[unlikely]] set_label(slot, d.label);
    slot.tag.store(word.seq, std::memory_order_release);  // a reader that sees this tag sees the description, or a later one
}

enum class fast_result : std::uint8_t { taken, none_open, gate_closed, must_queue };

/// Undoes an acquisition.
void give_up_slot(attachment& home, std::uint32_t index, std::uint64_t identity, std::uint32_t s, layout::slot_word word) noexcept;

/// Takes the slot if it is open. The token's high part is read before and after: equal, so seq has not wrapped in between.
[[gnu::always_inline]] inline bool take_slot(attachment& home, std::uint32_t s, std::uint64_t identity, layout::tick until, const description& d,
                      os::instant now, std::uint32_t tid, lease_record& lease, bool& at_wrap) noexcept {
    layout::slot& slot = home.view().slot(s);
    std::uint64_t bits = slot.word.load(std::memory_order_relaxed);
    const auto seen = layout::slot_word::unpack(bits);
    if (seen.state != layout::slot_state::open) return false;
    if (seen.seq == layout::max_seq) [[unlikely]] {
        at_wrap = true;  // only a granter may go beyond
        return false;
    }
    const std::uint32_t high = slot.seq_high.load(std::memory_order_acquire);
    const auto held = seen.acquired_by(robust::index_in(identity), until, layout::slot_state::held);
    // acquire: pairs with the CAS that opened the slot; what the last holder wrote before is visible to us. Failing publishes
    // nothing: somebody else has it.
    if (!slot.word.compare_exchange_strong(bits, held.pack(), std::memory_order_seq_cst, std::memory_order_relaxed)) return false;
    os::kill_point("acquire.taken");
    if (slot.seq_high.load(std::memory_order_acquire) != high) [[unlikely]] {
        give_up_slot(home, lease.semaphore, identity, s, held);  // we slept through a wrap: no token would be right
        return false;
    }
    describe(slot, held, d, now, tid);
    lease.home = &home;
    lease.slot = s;
    lease.permits = 1;
    lease.word = held.pack();
    lease.token = token_of(high, held);
    lease.identity = identity;
    return true;
}

/// The same, anywhere in the semaphore: where the hints say that a slot may be open.
fast_result search_slots(attachment& home, const semaphore_info& info, std::uint64_t identity, layout::tick until, const description& d,
                         os::instant now, bool at_wrap, lease_record& lease) noexcept;
/// Replaces the coarse time of acquisition, where the hold will be sampled.
void note_precise_start(attachment& home, const lease_record& lease) noexcept;

/// One permit, if the gate is open and a slot is. @param lease  empty; filled when taken
[[gnu::always_inline]] inline fast_result try_fast(attachment& home, const semaphore_info& info, std::uint32_t index, std::uint64_t identity,
                                                   const description& d, lease_record& lease) noexcept {
    // seq_cst: a caller that comes after a waiter raised the gate must not overtake it.                              (I3)
    if ((home.view().semaphore(index).gate.load(std::memory_order_seq_cst) & info.closed_gate) != 0) [[unlikely]] {
        return fast_result::gate_closed;
    }
    const thread_habits& habit = habits(identity);
    const os::instant coarse = os::coarse_now();
    layout::tick until{};
    // One tick more, because the coarse clock lags by less than that: no lease ends before its ttl.
    if (d.ttl_ticks != 0) until = layout::tick_clock::after(home.clock().at(coarse), d.ttl_ticks + 1);
    lease.semaphore = index;
    bool at_wrap = false;
    if (habit.slot >= info.range.capacity ||
        !take_slot(home, info.range.first + habit.slot, identity, until, d, coarse, habit.tid, lease, at_wrap)) [[unlikely]] {
        const fast_result found = search_slots(home, info, identity, until, d, coarse, at_wrap, lease);
        if (found != fast_result::taken) return found;
    }
    lease.seat = lease.slot - info.range.first;
    if (hold_weight(lease.token, false) != 0) [[unlikely]] note_precise_start(home, lease);
    return fast_result::taken;
}

void record_hold(attachment& home, const lease_record& lease) noexcept;
/// When the first CAS did not find the very word: renewed since, retiring, or lost.
bool give_back_changed(attachment& home, std::uint32_t slot, std::uint64_t word, std::uint64_t token) noexcept;

/// Ends one permit of this process. @return false when it was lost
//                        dies after                  a survivor sees                  does
//   slot -> open  COMMIT   release.opened             slot open, gate not looked at    the dead releaser's reaper dispatches
//   hint                   -                          slot open, no hint               the same: a death sets all hints
inline bool give_back(attachment& home, const semaphore_info& info, std::uint32_t s, std::uint64_t word, std::uint64_t token) noexcept {
    layout::slot& slot = home.view().slot(s);
    std::uint64_t expected = word;
    // seq_cst: release publishes what the holder did; and it comes before the caller's look at the gate.           (I4)
    if (!slot.word.compare_exchange_strong(expected, layout::slot_word::unpack(word).ended().pack(), std::memory_order_seq_cst))
        [[unlikely]] {
        if (!give_back_changed(home, s, word, token)) return false;
    }
    os::kill_point("release.opened");
    hints(home.view(), info.range).set(s);
    return true;
}

/// After slots were opened: serves those who wait.
inline void look_at_gate(attachment& home, std::uint32_t index, std::uint64_t identity) noexcept {
    const std::uint64_t gate = home.view().semaphore(index).gate.load(std::memory_order_seq_cst);
    if ((gate & layout::gate::count_mask) != 0) [[unlikely]] {
        os::kill_point("release.before_dispatch");
        request_dispatch(home, index, identity);
    }
}

/// A lease of this very process: not one inherited through fork, nor of a segment detached since.
inline bool ours(const lease_record& lease) noexcept {
    return lease.home != nullptr && lease.home->identity() == lease.identity;
}

bool release_many(const lease_record& lease) noexcept;

/// Gives every permit back. @return false when any of them had been lost, or none was ours
inline bool release(const lease_record& lease) noexcept {
    if (!ours(lease)) [[unlikely]] return false;
    if (lease.all) [[unlikely]] return release_many(lease);
    attachment& home = *lease.home;
    if (hold_weight(lease.token, lease.ticket != 0) != 0) [[unlikely]] record_hold(home, lease);
    const bool kept = give_back(home, home.info(lease.semaphore), lease.slot, lease.word, lease.token);
    the_habits.slot = lease.seat;  // what this thread released last is the likeliest to be open, and warm
    look_at_gate(home, lease.semaphore, lease.identity);
    return kept;
}

}  // namespace shmsem::core
