#pragma once

#include <cstdint>

#include "layout/ticks.hpp"

namespace shmsem::layout {

// slot word: [ state:3 | process:12 | seq:17 | deadline:32 ]
//   state             process   who may change it, to what
//   open              0         any process: CAS to held; a granter that has the semaphore's lock: to granted           (I1)
//   held              owner     owner: to open, or to held with a later deadline; reaper: to open, once the deadline has
//                               passed or the owner is dead; resizer: to retiring                                  (I2, I5)
//   granted           waiter's  the waiter: to held; reaper and resizer as above. Only granters install it, so "granted" with
//                               the slot's granted_to names one waiter node, whatever else the process does       (I1, I4)
//   detached          owner     as held, but nobody renews it; an adopter: to held, with its own process
//   retiring, retiring_granted, retiring_detached
//                     the same  as those without "retiring", but to closed instead of open
//   closed            0         resizer: to open
// seq counts acquisitions; every transition keeps it, except open -> held and open -> granted, which add one. With seq_high of
// the slot's line it is the fencing token. All transitions are one compare-exchange of the whole word: a reaper that read
// an old deadline loses against a renewal, a holder that lost its lease cannot free its successor.
enum class slot_state : std::uint8_t {
    open = 0,
    closed = 1,
    held = 2,
    granted = 3,
    detached = 4,
    retiring = 5,
    retiring_granted = 6,
    retiring_detached = 7,
};
inline constexpr std::uint8_t retiring_offset = 3;  // from a state to the same one that retires

constexpr const char* name_of(slot_state s) noexcept {
    switch (s) {
        case slot_state::open: return "open";
        case slot_state::held: return "held";
        case slot_state::granted: return "granted";
        case slot_state::retiring: return "retiring";
        case slot_state::retiring_granted: return "retiring-granted";
        case slot_state::detached: return "detached";
        case slot_state::retiring_detached: return "retiring-detached";
        case slot_state::closed: return "closed";
    }
    return "corrupt";
}

using process_index = std::uint32_t;  // into the process table
inline constexpr unsigned process_bits = 12;
inline constexpr std::uint32_t max_processes = 1U << process_bits;
inline constexpr unsigned seq_bits = 17;
inline constexpr std::uint32_t max_seq = (1U << seq_bits) - 1;

struct slot_word {
    slot_state state = slot_state::open;
    process_index process = 0;
    std::uint32_t seq = 0;
    tick deadline{};  // 0: none

    static constexpr slot_word unpack(std::uint64_t bits) noexcept {
        return {.state = static_cast<slot_state>(bits >> 61),
                .process = static_cast<std::uint32_t>(bits >> 49) & (max_processes - 1),
                .seq = static_cast<std::uint32_t>(bits >> 32) & max_seq,
                .deadline = tick{static_cast<std::uint32_t>(bits)}};
    }
    [[nodiscard]] constexpr std::uint64_t pack() const noexcept {
        return static_cast<std::uint64_t>(state) << 61 | static_cast<std::uint64_t>(process) << 49 |
               static_cast<std::uint64_t>(seq) << 32 | deadline.value;
    }

    [[nodiscard]] constexpr bool owned() const noexcept { return state >= slot_state::held; }
    [[nodiscard]] constexpr bool granted() const noexcept {
        return state == slot_state::granted || state == slot_state::retiring_granted;
    }
    [[nodiscard]] constexpr bool detached() const noexcept {
        return state == slot_state::detached || state == slot_state::retiring_detached;
    }
    [[nodiscard]] constexpr bool retiring() const noexcept { return state >= slot_state::retiring; }
    /// The same lease, whatever became of its deadline or of the wish to retire it.
    [[nodiscard]] constexpr bool same_lease(slot_word other) const noexcept {
        return owned() && other.owned() && process == other.process && seq == other.seq;
    }
    [[nodiscard]] constexpr slot_word acquired_by(process_index who, tick until, slot_state as) const noexcept {
        return {.state = as, .process = who, .seq = (seq + 1) & max_seq, .deadline = until};
    }
    /// What it becomes when its lease ends.
    [[nodiscard]] constexpr slot_word ended() const noexcept {
        return {.state = retiring() ? slot_state::closed : slot_state::open, .process = 0, .seq = seq, .deadline = {}};
    }
    /// Another way of being owned: held, granted or detached, and retiring as before.
    [[nodiscard]] constexpr slot_word become(slot_state plain) const noexcept {
        slot_word w = *this;
        w.state = retiring() ? static_cast<slot_state>(static_cast<std::uint8_t>(plain) + retiring_offset) : plain;
        return w;
    }
    /// Owned as before, and to close or not to close when its lease ends.
    [[nodiscard]] constexpr slot_word retire(bool yes) const noexcept {
        slot_word w = *this;
        const auto plain = static_cast<std::uint8_t>(static_cast<std::uint8_t>(state) - (retiring() ? retiring_offset : 0));
        w.state = static_cast<slot_state>(plain + (yes ? retiring_offset : 0));
        return w;
    }
    [[nodiscard]] constexpr slot_word until(tick when) const noexcept {
        slot_word w = *this;
        w.deadline = when;
        return w;
    }
    friend constexpr bool operator==(slot_word, slot_word) = default;
};

static_assert(3 + process_bits + seq_bits + 32 == 64);

// The same on packed words, for the two steps that everybody is in a hurry for.

inline constexpr std::uint64_t one_seq = std::uint64_t{1} << 32;
inline constexpr std::uint64_t seq_field = std::uint64_t{max_seq} << 32;
constexpr std::uint32_t seq_of(std::uint64_t bits) noexcept { return static_cast<std::uint32_t>(bits >> 32) & max_seq; }
constexpr bool is_open(std::uint64_t bits) noexcept { return bits >> 61 == 0; }
/// What follows the seq of an open word; of any other word, or at the end of seq, a number above max_seq, or 0.
constexpr std::uint32_t next_seq(std::uint64_t bits) noexcept { return static_cast<std::uint32_t>(bits >> 32) + 1; }
/// What of a word says who holds the slot.
constexpr std::uint64_t holder_bits(process_index who) noexcept {
    return slot_word{.state = slot_state::held, .process = who, .seq = 0, .deadline = {}}.pack();
}
/// slot_word::acquired_by(), as held. @param held  all but seq
constexpr std::uint64_t acquired_bits(std::uint32_t seq, std::uint64_t held) noexcept {
    return std::uint64_t{seq} << 32 | held;
}
/// The tag of a slot's description: of which lease it is, and its ttl.
constexpr std::uint64_t tag_of(std::uint32_t seq, std::uint32_t ttl_ticks) noexcept {
    return std::uint64_t{ttl_ticks} << 32 | seq;
}
constexpr std::uint32_t tagged_seq(std::uint64_t tag) noexcept { return static_cast<std::uint32_t>(tag) & max_seq; }
/// Beside seq: tid is not that of the thread that took the slot any more.
inline constexpr std::uint64_t handed_over = 1U << 31;
constexpr std::uint32_t tagged_ttl(std::uint64_t tag) noexcept { return static_cast<std::uint32_t>(tag >> 32); }

/// slot_word::ended(), of a word that is held, and not retiring
constexpr std::uint64_t ended_bits(std::uint64_t held) noexcept { return held & seq_field; }

static_assert(acquired_bits(next_seq(slot_word{slot_state::open, 0, 9, tick{}}.pack()), holder_bits(4095) | 5) ==
              slot_word{slot_state::open, 0, 9, tick{}}.acquired_by(4095, tick{5}, slot_state::held).pack());
static_assert(next_seq(slot_word{slot_state::open, 0, max_seq, tick{}}.pack()) > max_seq);
static_assert(next_seq(slot_word{slot_state::closed, 0, 9, tick{}}.pack()) > max_seq);
static_assert(ended_bits(slot_word{slot_state::held, 4095, 9, tick{5}}.pack()) ==
              slot_word{slot_state::held, 4095, 9, tick{5}}.ended().pack());

static_assert(slot_word::unpack(slot_word{slot_state::retiring, 4095, max_seq, tick{7}}.pack()) ==
              slot_word{slot_state::retiring, 4095, max_seq, tick{7}});
static_assert(slot_word{}.pack() == 0, "a zeroed slot is open");
static_assert(slot_word{slot_state::granted, 3, 9, tick{5}}.ended() == slot_word{slot_state::open, 0, 9, tick{0}});
static_assert(slot_word{slot_state::retiring_granted, 3, 9, tick{5}}.become(slot_state::held).state == slot_state::retiring);
static_assert(slot_word{slot_state::detached}.retire(true).state == slot_state::retiring_detached &&
              slot_word{slot_state::retiring_detached}.retire(false).state == slot_state::detached);
static_assert(slot_word{slot_state::retiring, 3, 9, tick{5}}.ended().state == slot_state::closed);
static_assert(slot_word{slot_state::open, 0, max_seq, tick{}}.acquired_by(1, tick{1}, slot_state::held).seq == 0);

}  // namespace shmsem::layout
