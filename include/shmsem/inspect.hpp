#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "shmsem/export.hpp"
#include "shmsem/options.hpp"

// Plain values that say what a segment held at one moment. They are read without locks, so numbers of different fields
// may be microseconds apart; they never block or disturb anybody, and work on a read-only mapping.

namespace shmsem {

/// Bucket i counts durations in [2^i, 2^(i+1)) microseconds; bucket 0 also those below 1 us, the last all longer ones.
inline constexpr std::size_t histogram_buckets = 24;
using histogram = std::array<std::uint64_t, histogram_buckets>;

/// Upper bound of the bucket in which quantile q (0..1) falls; zero when the histogram is empty.
SHMSEM_API duration quantile(const histogram& counts, double q) noexcept;

struct semaphore_stats {
    std::uint32_t acquired = 0;  ///< held now (leased kind); 0 for the ownerless kind
    std::uint32_t capacity = 0;  ///< permits; for the ownerless kind: the maximum
    std::int64_t available = 0;  ///< free permits; for the ownerless kind: the count
    double percent = 0;          ///< 100 * acquired / capacity
    std::uint32_t waiting = 0;

    // since creation
    std::uint64_t total_acquired = 0;   ///< permits (leased kind); acquisitions that queued (ownerless kind)
    std::uint64_t total_released = 0;   ///< leased kind only
    std::uint64_t total_queued = 0;     ///< tickets handed out
    std::uint64_t total_granted = 0;    ///< grants to waiters
    std::uint64_t total_expired = 0;    ///< permits taken back because a ttl passed
    std::uint64_t total_reaped = 0;     ///< permits taken back because a holder died
    std::uint64_t total_ended = 0;      ///< permits taken back by semaphore::end()
    std::uint64_t total_timed_out = 0;  ///< waits
    std::uint64_t total_cancelled = 0;  ///< waits
    std::uint64_t inversions = 0;       ///< grants out of ticket order: 0, or a bug
    std::uint64_t recoveries = 0;       ///< times a process died inside the critical section

    histogram wait{};  ///< how long grants had to be waited for
    histogram hold{};  ///< how long permits were held; pairs in quick succession are sampled 1 in 256, and count for so many
};

struct holder_info {
    std::uint32_t seat = 0;
    std::uint64_t token = 0;
    std::uint32_t process = 0;  ///< index in the segment's process table
    std::uint32_t pid = 0;      ///< as the holder sees itself
    std::uint32_t tid = 0;
    std::string command;
    std::string tenant;
    std::string label;
    duration held{};      ///< since it was acquired
    duration ttl_left{};  ///< zero when expired, `forever` without a ttl
    /// "held", "granted", "detached"; in a semaphore that was shrunk also "retiring", "retiring-granted",
    /// "retiring-detached"
    std::string state;
    std::string life;  ///< of the holder: "alive", "dead", "unknown"
};

struct waiter_info {
    std::uint64_t ticket = 0;
    std::uint32_t process = 0;  ///< index in the segment's process table
    std::uint32_t pid = 0;
    std::uint32_t tid = 0;
    std::string command;
    std::string tenant;
    std::string label;
    std::uint32_t permits = 1;
    duration waited{};
};

struct semaphore_snapshot {
    std::string name;
    shmsem::kind kind{};
    shmsem::order order{};
    shmsem::renewal renewal{};
    duration ttl{};
    duration max_hold{};
    std::uint32_t max_permits = 0;
    std::uint32_t max_waiters = 0;
    bool paused = false;  ///< by pause(): nothing is granted
    semaphore_stats stats;
    std::vector<holder_info> holders;  ///< by seat
    std::vector<waiter_info> waiters;  ///< by ticket
};

struct process_info {
    std::uint32_t index = 0;
    std::uint32_t pid = 0;
    std::uint32_t uid = 0;
    std::uint64_t pid_namespace = 0;  ///< inode number
    std::string command;
    std::string state;  ///< "joining", "alive", "dying"
    std::string life;   ///< "alive", "dead", "unknown"
    duration attached{};
};

/// What happened lately, from a ring in the segment that keeps the last `recorded_events`. A permit taken or given back while
/// nobody waits is no event.
enum class event_kind : std::uint8_t {
    none,
    granted,    ///< a waiter was served; lasted: how long it waited
    timed_out,  ///< a waiter went without; lasted: how long it waited
    cancelled,  ///< the same, on request
    expired,    ///< a permit was taken back because its ttl had passed
    reaped,     ///< a permit was taken back because its holder had died
    ended,      ///< a permit was taken back by semaphore::end()
    died,       ///< a process was found dead
    recovered,  ///< a process, it is not known which, had died inside the queue's lock, which was repaired
    resized,    ///< permits: the new number
    paused,
    resumed,
};
inline constexpr std::uint32_t recorded_events = 256;

struct event_info {
    std::uint64_t number = 0;  ///< 1, 2, 3, ... since the segment was created
    event_kind kind{};
    duration ago{};
    duration lasted{};
    std::string semaphore;      ///< empty for `died`
    std::uint32_t permits = 0;  ///< granted, or taken back
    std::uint32_t seat = 0;     ///< of the first of them
    std::uint64_t token = 0;    ///< the same one's; of a waiter who went without, and of a unit, the ticket
    std::uint32_t process = 0;  ///< index in the process table, of the one to whom it happened or who asked for it
    std::uint32_t pid = 0;      ///< the same one's; 0 if that is not known
};

struct segment_snapshot {
    std::string name;
    std::uint64_t id = 0;
    std::uint32_t layout_version = 0;
    std::uint64_t bytes = 0;
    shmsem::limits limits;
    duration age{};
    std::vector<process_info> processes;
    std::vector<semaphore_snapshot> semaphores;  ///< most loaded first
    std::vector<event_info> events;              ///< oldest first
};

/// What check_invariants() found. `problems` says each in words; empty means that every invariant holds.
struct invariants_report {
    std::vector<std::string> problems;
    [[nodiscard]] bool ok() const noexcept { return problems.empty(); }
};

}  // namespace shmsem
