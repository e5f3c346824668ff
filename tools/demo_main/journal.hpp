#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "demo_main/life_id.hpp"
#include "demo_main/shared_memory.hpp"

namespace demo {

/// What a lease tells about itself.
struct grant {
    std::uint32_t seat = 0;
    std::uint64_t token = 0;
    std::uint64_t ticket = 0;  ///< 0: taken without queueing
};

/// What workers write down about their leases, so that the parent can check the semaphore's promises without asking it.
class journal {
   public:
    journal(std::size_t seats, std::size_t capacity) : seats_(seats), entries_(capacity) {}

    /// Right after a lease was granted: who, which seat, when; and sits down on the seat.
    void entered(life_id me, const grant& held);
    /// Right before it is released: gets up.
    void leaving(life_id me, const grant& held);
    /// release() said that the lease had been lost.
    void lost() { totals_->lost.fetch_add(1, std::memory_order_relaxed); }

    // Of the parent, afterwards.

    struct findings {
        std::size_t leases = 0;        ///< written down
        std::size_t queued = 0;        ///< of these, how many had a ticket
        std::size_t not_recorded = 0;  ///< the journal was full
        std::size_t lost = 0;
        std::size_t overlaps = 0;    ///< a seat taken while a live holder sat on it
        std::size_t inversions = 0;  ///< of one seat: a later token with an earlier ticket
    };
    /// @param was_killed  whether that life ended by a signal: only from such a one may a seat be taken over
    [[nodiscard]] findings check(const std::function<bool(life_id)>& was_killed) const;

    /// When the seat was next leased after the lease with `token`; nanoseconds of the monotonic clock.
    [[nodiscard]] std::optional<std::int64_t> next_lease(std::uint32_t seat, std::uint64_t token) const;

   private:
    struct entry {
        std::atomic<std::uint64_t> token;  // stored last; 0: not complete, its writer was killed
        std::uint64_t ticket;
        std::int64_t at;
        std::uint64_t found;  // life_id that sat on the seat
        std::uint32_t seat;
    };
    struct totals {
        std::atomic<std::size_t> entries;
        std::atomic<std::size_t> lost;
        std::atomic<std::size_t> disturbed;  // somebody else sat down before we got up
    };
    [[nodiscard]] std::size_t used() const;

    shared_array<std::atomic<std::uint64_t>> seats_;
    shared_array<entry> entries_;
    shared_value<totals> totals_;
};

}  // namespace demo
