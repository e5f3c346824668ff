#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <system_error>
#include <type_traits>
#include <utility>

#include "shmsem/export.hpp"
#include "shmsem/lease_record.hpp"
#include "shmsem/options.hpp"

namespace shmsem {

namespace core {
struct lease_access;
}  // namespace core

/// A lease taken out of its object, to be carried to another thread or to a forked child; see lease::detach().
struct detached_lease {
    std::uint64_t segment_id = 0;
    std::uint32_t semaphore = 0;
    std::uint32_t seat = 0;
    std::uint64_t word = 0;
    std::uint64_t token = 0;
    std::uint32_t permits = 0;
    std::uint32_t reserved = 0;
};
static_assert(std::is_trivially_copyable_v<detached_lease>);

/// One or several permits, held until released, lost, or the process dies.
///
/// Move-only; the destructor releases. Not thread-safe as an object (like std::unique_lock), but any thread of the
/// process may be the one that uses it. In a forked child the copy is inert: it is not valid, and releases nothing (I7).
/// It may outlive every handle of its segment; but while the last handle is being destroyed no other thread may be using
/// a lease of that segment.
class SHMSEM_API lease {
   public:
    lease() noexcept = default;
    lease(lease&& other) noexcept : record_(std::move(other.record_)) {
        other.record_.of = nullptr;
        other.record_.watched = 0;
    }
    lease& operator=(lease&& other) noexcept {
        lease moved(std::move(other));
        swap(moved);
        return *this;
    }
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
    ~lease() {
        if (record_.of != nullptr) (void)release();
    }

    /// True while this object stands for a permit that it has not released; it may have been lost meanwhile: see valid().
    explicit operator bool() const noexcept { return record_.of != nullptr; }

    /// Gives the permits back.
    /// @return true when they were still ours; false when the lease was lost (then nobody else's permit is touched),
    ///         already released, or inherited through fork
    /// @cost   uncontended: one CAS for each permit, no system call; else also the grants and wake-ups of those who wait. It
    ///         does not wait for the queue's lock; after on_lost() it waits for callbacks that are running
    /// @crash  killed at any instruction: the permits are either released, or held and reaped with the process (I2)
    bool release() noexcept;
    /// As release(), with errc::lease_lost in `ec` when it was lost or inherited; a second call is no error.
    void release(std::error_code& ec) noexcept;

    /// Restarts the ttl, within max_hold.
    /// @return false when the lease is lost, empty or inherited, or its deadline has passed; of several permits, when one of
    ///         them is lost: then the others are released. Nobody else's permit is touched
    /// @cost   a look at the clock and one CAS for each permit, no system call
    /// @crash  each permit has its old deadline or the new one
    bool renew() noexcept;
    /// As renew(), with errc::lease_lost in `ec` where that returns false.
    void renew(std::error_code& ec) noexcept;

    /// True while the permits are ours and their deadline has not passed. The answer may be out of date when it arrives:
    /// resources that must not be touched by a late holder check token(). False when empty or inherited. This and the next
    /// two cost one load for each permit and a look at the clock.
    [[nodiscard]] bool valid() const noexcept;

    /// Time until the lease expires unless renewed; zero when lost or expired, `forever` without a ttl.
    [[nodiscard]] duration remaining() const noexcept;
    /// The same as a point in time; deadline::max() without a ttl.
    [[nodiscard]] deadline expires_at() const noexcept;

    /// Fencing token: strictly increasing per slot. A resource that remembers the highest token it saw for a seat can
    /// refuse a holder that lost its lease without noticing.
    [[nodiscard]] std::uint64_t token() const noexcept { return record_.token; }
    /// 0..permits-1, different from that of every other live holder of this semaphore.
    [[nodiscard]] std::uint32_t seat() const noexcept { return record_.seat; }
    /// The i-th seat of a lease of several permits, i < permits().
    [[nodiscard]] std::uint32_t seat(std::uint32_t i) const noexcept;
    [[nodiscard]] std::uint32_t permits() const noexcept { return record_.permits; }
    /// The ticket of the wait that led to this lease; 0 when it was taken without queueing.
    [[nodiscard]] std::uint64_t ticket() const noexcept { return record_.ticket; }

    /// Calls `callback` once, from the background thread, when the lease is found to be lost or expired. It must neither
    /// throw, block for long, nor call exec; leases are not renewed meanwhile. A child that it forks must not return from it.
    /// A release or detach() forgets it, and waits until it has ended if it is running, as the end of the segment's last
    /// handle waits for all: do neither with a lock that the callback takes (as with std::stop_callback). In a callback a
    /// release does not wait.
    /// @throws shmsem::error errc::lease_lost when it is lost already, or inherited through fork; errc::invalid_argument
    ///         when it is empty
    /// @cost   a lock of this process, and a wake-up of the background thread
    /// @crash  the callback ends with the process; a forked child's copy has none
    void on_lost(std::function<void()> callback);
    void on_lost(std::function<void()> callback, std::error_code& ec) noexcept;
    /// A token whose stop is requested when the lease is lost.
    /// Of a lease that is lost, empty or inherited: it is requested already. Costs as on_lost(); no errors.
    [[nodiscard]] std::stop_token lost_token();

    /// Empties this object without releasing. The permits stay with this process until adopt() is called, here or in a
    /// forked child; until then nobody renews them, so they live on their ttl, and on this process. Of a lost, expired,
    /// empty or inherited lease: nothing (permits == 0).
    /// @cost   one CAS for each permit, and with renewal::automatic a last renewal
    /// @crash  killed at any instruction: all permits are still this process's, and reaped with it (I2)
    [[nodiscard]] detached_lease detach() noexcept;

    void swap(lease& other) noexcept { std::swap(record_, other.record_); }

   private:
    friend struct core::lease_access;
    lease(const core::lease_terms& terms, std::uint64_t word, std::uint64_t token) noexcept : record_(terms, word, token) {}

    core::lease_record record_;
};

}  // namespace shmsem
