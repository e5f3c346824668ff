#pragma once

#include <cstdint>

#include "layout/slot_word.hpp"

// The other words that change by one compare-exchange: of a waiter node, of a process entry, of an ownerless count, of a lock,
// and a semaphore's gate.

namespace shmsem::layout {

// node word: [ state:4 | process:12 | seq:48 ]
//   free       any process: CAS to claimed, seq + 1
//   claimed    its owner fills it in; owner: to waiting (under the semaphore's lock) or free
//   waiting    granter under the lock: to granted; owner, without the lock: to abandoned. One of the two CASes wins.      (I4)
//   granted    owner: to free, once it has taken its slots over; the reaper of a dead owner, under the lock: to free
//   abandoned  whoever has the lock unlinks it: to free
//   refused    put there under the lock, instead of granted, for a waiter that can never be served; owner: to free
enum class node_state : std::uint8_t { free = 0, claimed = 1, waiting = 2, granted = 3, abandoned = 4, refused = 5 };

struct node_word {
    node_state state = node_state::free;
    process_index process = 0;
    std::uint64_t seq = 0;

    static constexpr std::uint64_t max_seq = (1ULL << 48) - 1;
    static constexpr node_word unpack(std::uint64_t bits) noexcept {
        return {.state = static_cast<node_state>(bits >> 60),
                .process = static_cast<std::uint32_t>(bits >> 48) & (max_processes - 1),
                .seq = bits & max_seq};
    }
    [[nodiscard]] constexpr std::uint64_t pack() const noexcept {
        return static_cast<std::uint64_t>(state) << 60 | static_cast<std::uint64_t>(process) << 48 | (seq & max_seq);
    }
    [[nodiscard]] constexpr node_word as(node_state s) const noexcept {
        return {.state = s, .process = process, .seq = seq};
    }
    friend constexpr bool operator==(node_word, node_word) = default;
};
static_assert(node_word::unpack(node_word{node_state::granted, 77, 123456}.pack()) ==
              node_word{node_state::granted, 77, 123456});

// entry word: [ state:3 | generation:29 | claimed:32 ]
//   free     a joiner: CAS to joining, with the tick
//   joining  its claimer: to alive, or giving up to dying; anyone, when it is older than joining_limit and no life word is
//            held: to dying
//   alive    its owner: to dying, when it leaves; anyone who knows it dead: to dying
//   dying    whoever has taken back all that it held: to free, generation + 1. Nothing is granted to a dying process.
enum class entry_state : std::uint8_t { free = 0, joining = 1, alive = 2, dying = 3 };

constexpr const char* name_of(entry_state s) noexcept {
    switch (s) {
        case entry_state::free: return "free";
        case entry_state::joining: return "joining";
        case entry_state::alive: return "alive";
        case entry_state::dying: return "dying";
    }
    return "corrupt";
}

struct entry_word {
    entry_state state = entry_state::free;
    std::uint32_t generation = 0;
    tick claimed{};

    static constexpr std::uint32_t max_generation = (1U << 29) - 1;
    static constexpr entry_word unpack(std::uint64_t bits) noexcept {
        return {.state = static_cast<entry_state>(bits >> 61),
                .generation = static_cast<std::uint32_t>(bits >> 32) & max_generation,
                .claimed = tick{static_cast<std::uint32_t>(bits)}};
    }
    [[nodiscard]] constexpr std::uint64_t pack() const noexcept {
        return static_cast<std::uint64_t>(state) << 61 | static_cast<std::uint64_t>(generation & max_generation) << 32 |
               claimed.value;
    }
    [[nodiscard]] constexpr entry_word as(entry_state s) const noexcept {
        return {.state = s, .generation = generation, .claimed = claimed};
    }
    [[nodiscard]] constexpr entry_word freed() const noexcept {
        return {.state = entry_state::free, .generation = generation + 1, .claimed = {}};
    }
    friend constexpr bool operator==(entry_word, entry_word) = default;
};

// count word of an ownerless semaphore: [ count:31 | transit:2 | node:20 | tag:11 ]
//   granting   one unit has left the count and is on its way to `node`; tag is the low bits of the node's seq
//   returning  one unit has come back to the count from `node`, whose owner died before taking it; the node is not free yet
// The step that moves the unit and the record of where it goes are one compare-exchange, so a unit is never in two places.
enum class transit : std::uint8_t { none = 0, granting = 1, returning = 2 };

struct count_word {
    std::uint32_t count = 0;
    layout::transit transit = layout::transit::none;
    std::uint32_t node = 0;
    std::uint32_t tag = 0;

    static constexpr std::uint32_t max_count = 0x7fff'ffff;
    static constexpr std::uint32_t tag_mask = (1U << 11) - 1;
    static constexpr count_word unpack(std::uint64_t bits) noexcept {
        return {.count = static_cast<std::uint32_t>(bits >> 33),
                .transit = static_cast<layout::transit>(bits >> 31 & 3),
                .node = static_cast<std::uint32_t>(bits >> 11) & 0xf'ffff,
                .tag = static_cast<std::uint32_t>(bits) & tag_mask};
    }
    [[nodiscard]] constexpr std::uint64_t pack() const noexcept {
        return static_cast<std::uint64_t>(count) << 33 | static_cast<std::uint64_t>(transit) << 31 |
               static_cast<std::uint64_t>(node) << 11 | tag;
    }
    [[nodiscard]] constexpr count_word with(std::uint32_t n) const noexcept {
        count_word w = *this;
        w.count = n;
        return w;
    }
    [[nodiscard]] constexpr count_word minus_one() const noexcept { return with(count - 1); }
    [[nodiscard]] constexpr count_word plus_one() const noexcept { return with(count < max_count ? count + 1 : count); }
    [[nodiscard]] constexpr count_word moving(layout::transit how, std::uint32_t to, std::uint64_t seq) const noexcept {
        return {.count = count, .transit = how, .node = to, .tag = static_cast<std::uint32_t>(seq) & tag_mask};
    }
    // On packed words: the count alone, and one more or less of it.
    static constexpr std::uint64_t one = 1ULL << 33;
    static constexpr std::uint32_t count_of(std::uint64_t bits) noexcept { return static_cast<std::uint32_t>(bits >> 33); }

    [[nodiscard]] constexpr count_word settled() const noexcept {
        return {.count = count, .transit = {}, .node = 0, .tag = 0};
    }
    friend constexpr bool operator==(count_word, count_word) = default;
};
static_assert(count_word::unpack(count_word{count_word::max_count, transit::returning, 0xf'fffe, 2047}.pack()) ==
              count_word{count_word::max_count, transit::returning, 0xf'fffe, 2047});

// lock word: [ acquisitions:32 | unused:15 | section:4 | process + 1:12..13 | waiters:1 ]
// The low half is the futex. `section` is which of the owner's critical-section words stands for its thread. The count of
// acquisitions makes every ownership a different word, so a steal from a dead owner cannot hit a later one.
struct lock_word {
    std::uint32_t acquisitions = 0;
    std::uint32_t owner = 0;  // 0: nobody; else process + 1
    std::uint32_t section = 0;
    bool waiters = false;

    static constexpr lock_word unpack(std::uint64_t bits) noexcept {
        const auto low = static_cast<std::uint32_t>(bits);
        return {.acquisitions = static_cast<std::uint32_t>(bits >> 32),
                .owner = low >> 1 & 0x1fff,
                .section = low >> 14 & 0xf,
                .waiters = (low & 1) != 0};
    }
    [[nodiscard]] constexpr std::uint32_t low() const noexcept { return section << 14 | owner << 1 | (waiters ? 1U : 0U); }
    [[nodiscard]] constexpr std::uint64_t pack() const noexcept {
        return static_cast<std::uint64_t>(acquisitions) << 32 | low();
    }
    friend constexpr bool operator==(lock_word, lock_word) = default;
};
static_assert(lock_word::unpack(lock_word{5, 4096, 3, true}.pack()) == lock_word{5, 4096, 3, true});

// gate: the number of waiter nodes in the queue, changed only under the semaphore's lock, and flags
namespace gate {
// raised by anyone: something was opened or abandoned while the lock was taken
inline constexpr std::uint64_t dispatch_wanted = 1ULL << 63;
// throughput order, under the lock: newcomers must queue
inline constexpr std::uint64_t strict = 1ULL << 62;
// throughput order: the first was woken, or is about to be; raised under the lock, lowered by a waiter that goes to sleep
inline constexpr std::uint64_t roused = 1ULL << 61;
// nothing is granted and newcomers must queue; raised and lowered by anyone, on request
inline constexpr std::uint64_t paused = 1ULL << 60;
inline constexpr std::uint64_t count_mask = 0xffff'ffffULL;
}  // namespace gate

}  // namespace shmsem::layout
