#pragma once

#include "core/hints.hpp"
#include "core/lease_record.hpp"
#include "core/wait_queue.hpp"
#include "os/probe.hpp"
#include "os/still_running.hpp"
#include "os/testing.hpp"

// Acquire and release when nobody waits: one compare-exchange each, and no system call.

namespace shmsem::core {

/// What this thread knows without asking anybody, as long as `stamp` is its process's and the thread keeps its processor.
struct thread_habits {
    // Of the slot that it took last, when nothing was unusual about that:
    lease_terms terms;  // of none: nothing is known
    layout::slot* slot = nullptr;
    std::uint64_t open = 0;        // the word that its release leaves
    std::uint64_t held = 0;        // holder and deadline of the word to install
    std::uint64_t tag_base = 0;    // the tag without seq
    std::uint64_t token_base = 0;  // the token without seq
    std::uint32_t seq_high = 0;
    std::uint64_t stamp = ~std::uint64_t{0};
    const os::running_word* running = &os::never_running;
    std::uint64_t identity = 0;
    std::uint32_t seat = 0;  // where it looks first
    std::uint32_t tid = 0;

    std::uint64_t holder = 0;  // of a slot word that it holds
    os::instant now{};
    layout::tick tick{};  // the same in the segment's time
};
extern constinit thread_local thread_habits the_habits [[gnu::tls_model("initial-exec")]];
/// Whether all of it is right, and the time near enough.
[[gnu::always_inline]] inline bool up_to_date(const thread_habits& mine, const robust::member_page& page) noexcept {
    return mine.stamp == page.stamp.load(std::memory_order_acquire) && os::still_running(mine.running);
}
/// What this thread released last is the likeliest to be open, and warm.
inline void look_first_at(std::uint32_t seat) noexcept {
    the_habits.seat = seat;
    the_habits.terms.of = nullptr;
}
/// Brings them up to date.
thread_habits& refresh_habits(const semaphore_info& info, std::uint64_t identity) noexcept;

void add_to_histogram(layout::stored_histogram& h, os::nanoseconds value, std::uint32_t weight) noexcept;

/// Of the holds that a thread begins in quick succession, while it keeps its processor, one in so many is measured, and counts for as
/// many; a look at the clock at each would cost more than the pair. All others are measured.
inline constexpr std::uint32_t hold_sampling = 256;
/// How many holds one counts for in the histogram; 0: it is not measured.
constexpr std::uint32_t hold_weight(std::uint32_t seq, bool in_quick_succession) noexcept {
    return !in_quick_succession ? 1 : seq % hold_sampling == 0 ? hold_sampling : 0;
}

/// Where nothing tells whether a thread kept its processor, all holds are measured of a seat's first.
inline constexpr std::uint32_t measured_first = 64;

/// Followed by end_description().
inline void describe(layout::slot& slot, const description& d, os::instant acquired, std::uint32_t tid) noexcept {
    slot.acquired_ns.store(static_cast<std::uint64_t>(acquired.time_since_epoch().count()), std::memory_order_relaxed);
    slot.tid.store(tid, std::memory_order_relaxed);
    slot.tenant.store(d.tenant, std::memory_order_relaxed);
    if (d.label.empty()) {
        slot.label.words[0].store(0, std::memory_order_relaxed);
    } else {
        slot.label.store(d.label);
    }
}
[[gnu::always_inline]] inline void end_description(layout::slot& slot, std::uint32_t seq, std::uint32_t ttl_ticks) noexcept {
    slot.tag.store(layout::tag_of(seq, ttl_ticks),
                   std::memory_order_release);  // a reader that sees this tag sees the description, or a later one
}

enum class fast_result : std::uint8_t { taken, none_open, gate_closed, must_queue };

/// The deadline of a lease that begins at a coarse tick. One more, because that clock lags by less: no lease ends before its ttl.
constexpr layout::tick first_deadline(layout::tick begin, std::uint32_t ttl_ticks) noexcept {
    return ttl_ticks == 0 ? layout::tick{} : layout::tick_clock::after(begin, ttl_ticks + 1);
}

/// Gives back what was taken under a token that would not be right; see take_slot(). @param described  its tag says so already
void undo_take(const semaphore_info& info, std::uint32_t seat, std::uint64_t word, bool described) noexcept;

/// Takes the slot of got.seat if its word is `open`, an open one and not at the end of seq: one compare-exchange. What is left to do is
/// to describe it. @param held  holder and deadline of the word to install
[[gnu::always_inline]] inline bool take_slot(const semaphore_info& info, layout::slot& slot, std::uint64_t open,
                                             std::uint64_t held, permit& got) noexcept {
    const std::uint32_t seq = layout::next_seq(open);
    const std::uint64_t word = layout::acquired_bits(seq, held);
    const std::uint32_t high = slot.seq_high.load(std::memory_order_acquire);
    // acquire: pairs with the CAS that opened the slot; what the last holder wrote before is visible to us. Failing publishes
    // nothing: somebody else has it.
    if (!slot.word.compare_exchange_strong(open, word, std::memory_order_seq_cst, std::memory_order_relaxed)) return false;
    os::kill_point("acquire.taken");
    // The token's high part changes only while the slot is open with seq at its end. Equal before and after, it is ours; else we
    // were stopped, before the CAS or after it until the lease was lost, while seq came round, and no token would be right.
    if (slot.seq_high.load(std::memory_order_acquire) != high) [[unlikely]] {
        undo_take(info, got.seat, word, false);
        return false;
    }
    got.word = word;
    got.token = token_of(high, seq);
    return true;
}

/// Whether a newcomer may look for a slot. seq_cst: a caller that comes after a waiter raised the gate must not overtake it.   (I3)
[[gnu::always_inline]] inline bool may_enter(const semaphore_info& info) noexcept {
    return (info.block->gate.load(std::memory_order_seq_cst) & info.closed_gate) == 0;
}

/// One permit, if the gate is open and the slot that this thread had last is as the thread left it, and nothing else is to be done:
/// all of an uncontended acquire, and nothing that needs room or a call. Whatever it declines, take_usual() and try_fast() decide. The
/// slot's word is not read before: the compare-exchange says whether it is the one that is expected.
/// @param got  on false a word in it is to be given back by undo_take()
[[gnu::always_inline]] inline bool take_again(const semaphore_info& info, thread_habits& mine, permit& got) noexcept {
    if (mine.terms.of != &info || !up_to_date(mine, *info.page) || !may_enter(info)) [[unlikely]]
        return false;
    const std::uint64_t next = mine.open + layout::one_seq;
    const auto seq = static_cast<std::uint32_t>(next >> 32);
    if (hold_weight(seq, true) != 0) [[unlikely]]  // where seq comes round, too
        return false;
    layout::slot& slot = *mine.slot;
    std::uint64_t open = mine.open;
    const std::uint64_t word = next | mine.held;
    // As in take_slot(), but that seq_high was seen when this thread had the slot last.
    if (!slot.word.compare_exchange_strong(open, word, std::memory_order_seq_cst, std::memory_order_relaxed)) [[unlikely]]
        return false;
    os::kill_point("acquire.taken");
    got.word = word;
    if (slot.seq_high.load(std::memory_order_acquire) != mine.seq_high) [[unlikely]]
        return false;
    // As nobody had it in between all of its description but seq is right, unless it was handed over or described late: then the tag is
    // another. A store has to reach memory before the next compare-exchange can begin; so none is made in vain.
    if (slot.tag.load(std::memory_order_relaxed) != (mine.tag_base | (seq - 1))) [[unlikely]] {
        describe(slot, {.ttl_ticks = info.ttl_ticks, .tenant = 0, .label = {}}, mine.now, mine.tid);
    }
    mine.open = next;
    slot.tag.store(mine.tag_base | seq, std::memory_order_release);  // as end_description()
    got.token = mine.token_base | seq;
    SHMSEM_PROBE(acquire, info.block, mine.terms.seat, got.token);
    return true;
}

/// The terms of what take_again() and take_usual() take.
[[gnu::always_inline]] inline lease_terms usual_terms(const semaphore_info& info, const thread_habits& mine,
                                                      std::uint32_t seat) noexcept {
    return {.of = &info,
            .identity = mine.identity,
            .usual = mine.identity,
            .seat = seat,
            .permits = 1,
            .timed = 0,
            .watched = 0,
            .ticket = 0};
}

/// For take_again(). @param slot  that this thread took and described as usual
inline void remember(thread_habits& mine, const semaphore_info& info, layout::slot& slot, const permit& got) noexcept {
    mine.terms = usual_terms(info, mine, got.seat);
    mine.slot = &slot;
    mine.open = layout::ended_bits(got.word);
    mine.held = got.word & ~layout::seq_field;
    mine.seq_high = static_cast<std::uint32_t>(got.token >> layout::seq_bits);
    mine.token_base = token_of(mine.seq_high, 0);
    mine.tag_base = layout::tag_of(0, info.ttl_ticks);
}

/// The same of the slot where this thread looks first, whoever had it last. The lease begins at a time that the thread read before,
/// when it had the processor already: with a look at the clock each time the pair would take half as long again. How old can that time
/// be? The background thread renews the stamp three times in the shortest ttl, when a shorter ttl comes into use, and takes it away
/// while it is kept from its beats. So two thirds of the ttl are left at least, and by the next beat, when the lease is renewed, one
/// third: as of any lease. What nobody renews (renewal::manual, max_hold) and what is too short for a background thread to be a little
/// late has no usual seats. Where nothing tells whether a thread kept its processor, it looks at the clock each time.
[[gnu::always_inline]] inline bool take_usual(const semaphore_info& info, thread_habits& mine, permit& got) noexcept {
    const bool by_the_clock = mine.running == &os::never_running;
    if (mine.stamp != info.page->stamp.load(std::memory_order_acquire) || !(by_the_clock || os::still_running(mine.running)))
        return false;
    if (!may_enter(info) || mine.seat >= info.usual_seats) return false;
    layout::slot& slot = info.slots[mine.seat];
    const std::uint64_t bits = slot.word.load(std::memory_order_relaxed);
    const std::uint32_t seq = layout::next_seq(bits);
    if (seq > layout::max_seq || hold_weight(seq, true) != 0 || (by_the_clock && seq <= measured_first)) return false;
    if (by_the_clock) {
        mine.now = os::coarse_now();
        mine.tick = info.clock.at(mine.now);
    }
    got.seat = mine.seat;
    if (!take_slot(info, slot, bits, mine.holder | first_deadline(mine.tick, info.ttl_ticks).value, got)) return false;
    describe(slot, {.ttl_ticks = info.ttl_ticks, .tenant = 0, .label = {}}, mine.now, mine.tid);
    end_description(slot, seq, info.ttl_ticks);
    SHMSEM_PROBE(acquire, info.block, got.seat, got.token);
    // Of one that takes another each time there is nothing worth remembering.
    if (mine.slot == &slot) {
        remember(mine, info, slot, got);
    } else {
        mine.terms.of = nullptr;  // with which slot and the rest go together
        mine.slot = &slot;
    }
    return true;
}

/// One permit, if the gate is open and a slot is, wherever the hints say. @param lease  filled when taken
fast_result try_fast(const semaphore_info& info, std::uint64_t identity, const description& d, lease_record& lease) noexcept;

/// Opens one slot of this process. @return false when it was lost
//                        dies after                  a survivor sees                  does
//   slot -> open  COMMIT   release.opened             slot open, gate not looked at    the dead releaser's reaper dispatches
//   hint                   -                          slot open, no hint               the same: a death sets all hints
[[gnu::always_inline]] inline bool open_slot(layout::slot& slot, std::uint64_t word, std::uint64_t ended) noexcept {
    // seq_cst: release publishes what the holder did; and it comes before the look at the hint and at the gate.           (I4)
    if (!slot.word.compare_exchange_strong(word, ended, std::memory_order_seq_cst)) return false;
    os::kill_point("release.opened");
    return true;
}
/// The same with its hint, and also when the word has changed: renewed since, retiring, or lost.
bool give_back(const semaphore_info& info, const permit& p) noexcept;

/// After slots were opened: serves those who wait.
inline void look_at_gate(const semaphore_info& info, std::uint64_t identity) noexcept {
    const std::uint64_t gate = info.block->gate.load(std::memory_order_seq_cst);
    if ((gate & layout::gate::count_mask) == 0) [[likely]]
        return;
    // With order::throughput one waiter that is awake, or being woken, is enough, as long as newcomers may enter.
    if ((gate & layout::gate::roused) == 0 || (gate & info.closed_gate) != 0) {
        os::kill_point("release.before_dispatch");
        request_dispatch(*info.home, info.index, identity);
    }
}

/// A lease of this very process: not one inherited through fork, nor of a segment detached since.
[[gnu::always_inline]] inline bool ours(const lease_record& lease) noexcept {
    return lease.of != nullptr && lease.of->page->identity.load(std::memory_order_acquire) == lease.identity;
}

/// Gives every permit back. @return false when any of them had been lost, or none was ours
bool release(const lease_record& lease) noexcept;

enum class usual_release : std::uint8_t { declined, opened, done };

/// Gives one permit back when nothing else is to be done. What it declines, release() does; what it opened, tell_of_open_slot()
/// has to follow.
[[gnu::always_inline]] inline usual_release release_usual(const lease_record& lease) noexcept {
    if (lease.of == nullptr || lease.of->page->identity.load(std::memory_order_acquire) != lease.usual) [[unlikely]] {
        return usual_release::declined;
    }
    const semaphore_info& info = *lease.of;
    const std::uint32_t seat = lease.seat;
    // The word alone comes round after 2^17 leases, which is time enough when somebody ended ours: see end_lease().
    if (info.slots[seat].seq_high.load(std::memory_order_relaxed) != lease.token >> layout::seq_bits) [[unlikely]]
        return usual_release::declined;
    if (!open_slot(info.slots[seat], lease.word, layout::ended_bits(lease.word))) [[unlikely]]
        return usual_release::declined;
    SHMSEM_PROBE(release, info.block, seat, lease.token);
    if (the_habits.seat != seat) [[unlikely]]
        look_first_at(seat);
    const std::uint64_t hint = info.hint_words[seat / 64].load(std::memory_order_seq_cst);
    const std::uint64_t gate = info.block->gate.load(std::memory_order_seq_cst);
    const bool quiet = (hint >> (seat % 64) & 1) != 0 && (gate & layout::gate::count_mask) == 0;
    return quiet ? usual_release::done : usual_release::opened;
}
void tell_of_open_slot(const semaphore_info& info, std::uint32_t seat, std::uint64_t identity) noexcept;

}  // namespace shmsem::core
