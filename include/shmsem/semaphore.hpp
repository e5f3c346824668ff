#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "shmsem/export.hpp"
#include "shmsem/inspect.hpp"
#include "shmsem/lease.hpp"
#include "shmsem/options.hpp"

namespace shmsem {

namespace core {
struct semaphore_info;
struct handle_access;
}  // namespace core

/// A leased counting semaphore; get one from segment::semaphore(). Copyable handle; all members are thread-safe.
/// A child made by fork may go on using the handle, as itself: it owns nothing of its parent's (I7).
///
/// The first call by which a process takes, adopts, resizes or reaps attaches it to the segment, see there: any of these
/// calls can give errc::read_only, errc::too_many_processes and errc::thread_failed, and of an empty handle
/// errc::invalid_argument. Calls that report no errors answer zero or empty then.
class SHMSEM_API semaphore {
   public:
    semaphore() noexcept = default;

    /// Takes `options.permits` permits; waits as long as it takes. With order::fifo: first come, first served.
    /// @return the lease; with the error_code form, an empty lease on error
    /// @throws shmsem::error: errc::cancelled when options.stop was requested first; errc::invalid_argument (permits, ttl),
    ///         also when the semaphore shrank below options.permits meanwhile; errc::invalid_name (tenant);
    ///         errc::too_many_tenants, errc::too_many_waiters, errc::too_many_processes, errc::thread_failed,
    ///         errc::read_only, errc::segment_corrupt, errc::segment_truncated
    /// @cost   uncontended, one permit: one CAS; several: the queue's lock; no system call. Who waits sleeps; where waits have lately
    ///         been shorter than 20 us it spins first, for 30 us at most, or 100 us when it is woken ahead of its turn
    /// @crash  if the caller dies while waiting its place vanishes (I4); while holding, I5. A process that is stopped inside
    ///         the queue's lock holds up who has to queue, until the deadline or a stop
    [[nodiscard]] lease acquire();
    [[nodiscard]] lease acquire(const acquire_options& options);
    [[nodiscard]] lease acquire(const acquire_options& options, std::error_code& ec) noexcept;

    /// Takes them only if that needs no waiting. With order::fifo it never overtakes a waiter.
    /// @return the lease, or nothing; never spuriously nothing, unless a process is stopped inside the queue's lock
    /// @throws as acquire(), but for errc::cancelled
    /// @cost   as acquire(); in vain: one load if others wait, else a look at each slot (of more than 64: once in 10 ms). It
    ///         waits for the queue's lock for 10 ms at most
    /// @crash  as acquire()
    [[nodiscard]] std::optional<lease> try_acquire();
    [[nodiscard]] std::optional<lease> try_acquire(const acquire_options& options);
    [[nodiscard]] std::optional<lease> try_acquire(const acquire_options& options, std::error_code& ec) noexcept;

    /// Waits until `when` at most; if that has passed, as try_acquire().
    /// @param when     absolute, monotonic clock
    /// @param timeout  nanoseconds from now
    /// @return the lease, or nothing once the deadline has passed or a stop was requested
    /// @throws as acquire(), but for errc::cancelled
    /// @cost   as acquire()
    /// @crash  as acquire(); a process that is stopped inside the queue's lock holds it up until the deadline at most, or for
    ///         10 ms
    [[nodiscard]] std::optional<lease> try_acquire_until(deadline when, const acquire_options& options = {});
    [[nodiscard]] std::optional<lease> try_acquire_until(deadline when, const acquire_options& options,
                                                         std::error_code& ec) noexcept;
    [[nodiscard]] std::optional<lease> try_acquire_for(duration timeout, const acquire_options& options = {});
    [[nodiscard]] std::optional<lease> try_acquire_for(duration timeout, const acquire_options& options,
                                                       std::error_code& ec) noexcept;

    /// Makes a lease object of a detached one again, in the process that detached it or in a forked child of it.
    /// Exactly one adopter succeeds. The ttl starts anew, within max_hold.
    /// @return the lease; with the error_code form, an empty lease on error
    /// @throws shmsem::error errc::lease_lost (expired, reaped, or adopted already); errc::invalid_argument (of another
    ///         semaphore, or of a lease that was lost before it was detached); errc::read_only, errc::too_many_processes,
    ///         errc::thread_failed
    /// @cost   one CAS for each permit
    /// @crash  until its CAS a permit is the process's that detached it, then the adopter's, and is reaped with that one
    ///         (I2)
    [[nodiscard]] lease adopt(const detached_lease& detached);
    [[nodiscard]] lease adopt(const detached_lease& detached, std::error_code& ec) noexcept;

    /// Changes the number of permits, 1..max_permits. Growing serves waiters at once; shrinking never takes a permit from
    /// its holder: what is held beyond the new number closes when it is released.
    /// @throws shmsem::error errc::invalid_argument, errc::too_many_permits, errc::read_only, errc::too_many_processes,
    ///         errc::thread_failed; errc::timed_out when a process was stopped inside the queue's lock for 10 s (then
    ///         nothing was changed)
    /// @cost   the queue's lock, and a look at each slot
    /// @crash  either nothing was changed, or the next who takes the lock completes it
    void resize(std::int64_t permits);
    void resize(std::int64_t permits, std::error_code& ec) noexcept;

    /// Re-grants every permit whose lease has expired or whose holder is dead, and serves waiters.
    /// @return how many permits were taken back
    /// @throws shmsem::error errc::invalid_argument (empty handle), errc::read_only, errc::too_many_processes,
    ///         errc::thread_failed
    /// @cost   a look at each slot; it does not wait for the queue's lock
    /// @crash  every step may be repeated by another process
    std::uint32_t reap();
    std::uint32_t reap(std::error_code& ec) noexcept;

    /// Takes a permit away from its holder, whoever that is, and serves waiters. The holder finds its lease lost, and is told as of an
    /// expired one. A waiter that was granted it and has not run yet queues anew.
    /// @param seat, token  of the lease, as inspect() gives them: a later lease of that seat has another token, and is left alone
    /// @return false when that lease is no longer held
    /// @throws shmsem::error errc::invalid_argument (no such seat, or an empty handle), errc::read_only,
    ///         errc::too_many_processes, errc::thread_failed, errc::segment_truncated
    /// @cost   one CAS, and the queue's lock if others wait
    /// @crash  the permit is its holder's, or free
    bool end(std::uint32_t seat, std::uint64_t token);
    bool end(std::uint32_t seat, std::uint64_t token, std::error_code& ec) noexcept;

    /// From now on, until resume(), by any process, nobody is given a permit: who asks queues, and time-outs go on. Leases go on and
    /// are renewed, and what is released stays free. Of a lease that is being taken at this instant the pause may come to know later.
    /// @throws shmsem::error errc::invalid_argument (empty handle), errc::read_only, errc::too_many_processes,
    ///         errc::thread_failed, errc::segment_truncated
    /// @cost   one atomic step; resume() also the queue's lock if others wait
    /// @crash  it is paused or not; who paused it may end and it stays so
    void pause();
    void pause(std::error_code& ec) noexcept;
    void resume();
    void resume(std::error_code& ec) noexcept;
    [[nodiscard]] bool paused() const noexcept;

    /// What inspect.hpp describes. Cost: a look at each slot, and by inspect() at each waiter node of the segment.
    [[nodiscard]] semaphore_stats stats() const;
    [[nodiscard]] semaphore_snapshot inspect() const;

    [[nodiscard]] std::string name() const;
    /// The number last set by resize(), or at creation.
    [[nodiscard]] std::uint32_t permits() const noexcept;
    /// Permits free at this instant; out of date when it arrives. Cost: a look at each slot.
    [[nodiscard]] std::uint32_t available() const noexcept;

    explicit operator bool() const noexcept { return info_ != nullptr; }

   private:
    friend struct core::handle_access;
    std::shared_ptr<const core::semaphore_info> info_;  // keeps the segment attached
    std::uint32_t generation_ = 0;
};

}  // namespace shmsem
