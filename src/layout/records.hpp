#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "layout/words.hpp"

// What lies in the segment, to the byte. Fixed widths, no pointers, no bool, no padding that a compiler chooses: this is an ABI
// between processes, and layout_version changes with it. Everything that two processes may touch at once is atomic.

namespace shmsem::layout {

inline constexpr std::uint32_t layout_version = 3;
inline constexpr std::uint64_t segment_magic = 0x31'6d'65'73'6d'68'73'7fULL;  // "\x7fshmsem1"
inline constexpr std::uint64_t ready_mark = 0x79'64'61'65'72ULL;              // "ready"
inline constexpr std::uint32_t none = 0xffff'ffffU;                           // no node, no slot

using word32 = std::atomic<std::uint32_t>;
using word64 = std::atomic<std::uint64_t>;
static_assert(sizeof(word64) == 8 && word64::is_always_lock_free && word32::is_always_lock_free);

/// A short text, padded with zeros, that may be read while it is written: then it is a mixture, never out of bounds.
template <std::size_t Bytes>
struct text {
    static_assert(Bytes % 8 == 0);
    std::array<word64, Bytes / 8> words;

    void store(std::string_view value) noexcept {
        std::array<char, Bytes> bytes{};
        std::copy_n(value.data(), std::min(value.size(), Bytes - 1), bytes.data());
        for (std::size_t i = 0; i < words.size(); ++i) {
            std::uint64_t w;
            std::memcpy(&w, bytes.data() + i * 8, 8);
            words[i].store(w, std::memory_order_relaxed);
        }
    }
    [[nodiscard]] std::string load() const {
        std::array<char, Bytes> bytes;
        for (std::size_t i = 0; i < words.size(); ++i) {
            const std::uint64_t w = words[i].load(std::memory_order_relaxed);
            std::memcpy(bytes.data() + i * 8, &w, 8);
        }
        return {bytes.data(), ::strnlen(bytes.data(), Bytes - 1)};
    }
};

struct alignas(64) header {
    // line 0: who made it, and what it must be to be understood
    word64 ready;  // ready_mark, stored last
    std::uint64_t magic;
    std::uint64_t abi;
    std::uint32_t version;
    std::uint32_t reserved0;
    std::uint64_t total_size;
    std::uint64_t id;  // random: tells a segment from a later one of the same name
    std::int64_t epoch_ns;
    std::uint64_t boot;
    // line 1: limits, from which all offsets follow
    std::uint32_t processes;
    std::uint32_t semaphores;
    std::uint32_t permits;
    std::uint32_t waiters;
    std::uint32_t tenants;
    std::uint32_t uid;
    std::uint64_t time_namespace;
    std::uint64_t reserved1[4];
    // line 2
    text<64> name;
    // line 3: the directory's lock, and how many entries have ever been in use
    word64 directory_lock;
    word32 semaphores_used;
    word32 processes_used;
    word32 tenants_used;
    word32 reserved2;
    word64 directory_recoveries;
    word64 unnamed_made;  // names the unnamed: unique among all processes that share them
    std::uint64_t reserved3[3];
    // line 4
    word64 events;  // how many have been recorded: each writer takes the next number
    std::uint64_t reserved4[7];
};
static_assert(sizeof(header) == 320 && offsetof(header, processes) == 64 && offsetof(header, directory_lock) == 192 &&
              offsetof(header, events) == 256);

inline constexpr std::size_t sections_per_process = 4;

struct alignas(64) process_entry {
    word64 word;     // entry_word
    word32 life;     // robust futex: the id of the process's background thread; the kernel adds FUTEX_OWNER_DIED
    word32 mailbox;  // futex: counts messages to that thread
    word32 pid;
    word32 uid;
    word64 start_time;
    std::uint64_t life_node[2];  // the C library's list node of `life`: written by the owner, followed by the kernel alone
    std::array<word32, sections_per_process> sections;  // robust futexes: the id of a thread in a critical section
    word64 pid_namespace;
    word64 boot;
    word32 bell;           // as `life`, but waiters sleep on it: at a death the kernel wakes one sleeper of each
    word32 kernel_signed;  // 1: the life word is held; 0: the kernel refused, use pid and start time
    text<16> command;
    std::uint64_t bell_node[2];
    word64 joined_ns;
};
static_assert(sizeof(process_entry) == 128 && offsetof(process_entry, life) == 8 &&
              offsetof(process_entry, life_node) == 32 && offsetof(process_entry, sections) == 48 &&
              offsetof(process_entry, pid_namespace) == 64 && offsetof(process_entry, bell) == 80 &&
              offsetof(process_entry, bell_node) == 104);

inline constexpr std::size_t stored_buckets = 24;
using stored_histogram = std::array<word32, stored_buckets>;

enum class directory_state : std::uint32_t { free = 0, making = 1, ready = 2 };

struct alignas(64) semaphore_block {
    // line 0
    text<48> name;
    word32 state;       // directory_state
    word32 generation;  // + 1 at each removal
    word32 name_hash;
    word32 kind;
    // line 1: read by everybody, and hardly ever written
    word32 order;
    word32 renewal;
    word32 first_slot;
    word32 capacity;  // slots, whether open or closed
    word32 permits;
    word32 first_hint;  // index of its first word in the table of hints
    word32 ttl_ticks;   // 0: none
    word32 max_hold_ticks;
    word32 max_waiters;
    word32 shortest_ttl;  // of any lease so far, in ticks; 0: none
    word32 max_count;     // ownerless
    word32 reserved0;
    word64 ended;  // total
    word32 reserved1[2];
    // line 2: what a fast path touches, and what is rare enough not to disturb it: totals, counted by whoever does it
    word64 gate;
    word64 count;  // count_word
    word64 expired;
    word64 reaped;
    word64 timed_out;
    word64 cancelled;
    word64 inversions;
    word64 recoveries;
    // line 3: under the lock
    word64 lock;  // lock_word
    word64 next_ticket;
    word64 last_granted;
    word32 head;
    word32 tail;
    word64 queued;  // totals
    word64 granted;
    word64 last_taken_ns;  // when a waiter last went on with what it was granted; stored by itself
    word32 front_wait_ns;  // how long a waiter who is first and awake has lately had to wait
    word32 reserved2;
    // lines 4 to 6
    stored_histogram wait;
    stored_histogram hold;
};
static_assert(sizeof(semaphore_block) == 448 && offsetof(semaphore_block, order) == 64 &&
              offsetof(semaphore_block, gate) == 128 && offsetof(semaphore_block, lock) == 192 &&
              offsetof(semaphore_block, expired) == 144 && offsetof(semaphore_block, ended) == 112 &&
              offsetof(semaphore_block, wait) == 256);

// Slot: the word is the truth. The rest describes the lease whose seq is `tag`; a reader ignores it when the tag is stale.
struct alignas(64) slot {
    word64 word;        // slot_word
    word32 seq_high;    // + 1, under the lock, before seq wraps; the high part of the token
    word32 granted_to;  // node; written only under the lock, before the word becomes granted, and true while it is
    word64 acquired_ns;
    word64 tag;     // [ ttl in ticks:32 | handed over:1 | seq:31 ] of the lease that is described; stored last
    word32 tid;     // while detached: the next seat of the lease, or none
    word32 tenant;  // index + 1; 0: none
    text<24> label;
};
static_assert(sizeof(slot) == 64);

struct alignas(64) node {
    word64 word;    // node_word
    word32 signal;  // futex of the waiter
    word32 semaphore;
    word64 ticket;
    word32 prev;  // queue links: derived, under the lock
    word32 next;
    word32 permits;
    word32 ttl_ticks;
    word64 enqueued_ns;
    word64 granted_ns;
    word32 tid;
    word32 tenant;
    // line 1
    word32 first_slot;  // of the grant; the rest of a grant of several permits is found by granted_to
    word32 generation;  // of the semaphore
    text<24> label;
    word64 until_ns;   // after that it may be taken for abandoned: its waiter is stopped
    word32 processor;  // where the waiter would run if it were woken early, or none: it would not spin
    word32 reserved0;
    std::uint64_t reserved[2];
};
static_assert(sizeof(node) == 128 && offsetof(node, first_slot) == 64);

struct alignas(64) tenant {
    word32 state;  // directory_state
    word32 reserved0;
    text<56> name;
};
static_assert(sizeof(tenant) == 64);

inline constexpr std::uint32_t events_kept = 256;

/// One of the ring of the last events. Its writer stores `number` as zero first and as it is last; a reader believes what lies between
/// two equal looks at it.
struct alignas(64) event {
    word64 number;  // from 1; 0: none, or being written
    word64 when_ns;
    word64 lasted_ns;
    word64 token;
    word32 kind;
    word32 semaphore;
    word32 seat;
    word32 permits;
    word32 process;
    word32 pid;
    word32 reserved[2];
};
static_assert(sizeof(event) == 64);

}  // namespace shmsem::layout
