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
class SHMSEM_API semaphore {
   public:
    semaphore() noexcept = default;

    /// Takes `options.permits` permits, first come first served; waits as long as it takes.
    /// @return the lease; with the error_code form, an empty lease on error
    /// @throws shmsem::error: errc::cancelled when options.stop was requested first; errc::invalid_argument, also when the
    ///         semaphore shrank below options.permits meanwhile; errc::too_many_waiters, errc::too_many_processes,
    ///         errc::segment_corrupt, errc::thread_failed
    /// @cost   uncontended: one CAS, no system call
    /// @crash  if the caller dies while waiting its place vanishes (I4); while holding, I5
    [[nodiscard]] lease acquire();
    [[nodiscard]] lease acquire(const acquire_options& options);
    [[nodiscard]] lease acquire(const acquire_options& options, std::error_code& ec) noexcept;

    /// Takes them only if that needs no waiting: never overtakes a waiter.
    /// @return the lease, or nothing; never spuriously nothing
    [[nodiscard]] std::optional<lease> try_acquire();
    [[nodiscard]] std::optional<lease> try_acquire(const acquire_options& options);
    [[nodiscard]] std::optional<lease> try_acquire(const acquire_options& options, std::error_code& ec) noexcept;

    /// Waits until `when` at most.
    /// @return the lease, or nothing once the deadline has passed or a stop was requested
    [[nodiscard]] std::optional<lease> try_acquire_until(deadline when, const acquire_options& options = {});
    [[nodiscard]] std::optional<lease> try_acquire_until(deadline when, const acquire_options& options,
                                                         std::error_code& ec) noexcept;
    [[nodiscard]] std::optional<lease> try_acquire_for(duration timeout, const acquire_options& options = {});
    [[nodiscard]] std::optional<lease> try_acquire_for(duration timeout, const acquire_options& options,
                                                       std::error_code& ec) noexcept;

    /// Makes a lease object of a detached one again, in the process that detached it or in a forked child of it.
    /// Exactly one adopter succeeds.
    /// @throws shmsem::error errc::lease_lost, errc::invalid_argument (of another semaphore, or of a lease that was lost before
    ///         it was detached)
    [[nodiscard]] lease adopt(const detached_lease& detached);
    [[nodiscard]] lease adopt(const detached_lease& detached, std::error_code& ec) noexcept;

    /// Changes the number of permits, 1..max_permits. Growing serves waiters at once; shrinking never takes a permit from
    /// its holder: what is held beyond the new number closes when it is released.
    /// @throws shmsem::error errc::invalid_argument, errc::too_many_permits
    void resize(std::int64_t permits);
    void resize(std::int64_t permits, std::error_code& ec) noexcept;

    /// Re-grants every permit whose lease has expired or whose holder is dead, and serves waiters.
    /// @return how many permits were taken back
    std::uint32_t reap();
    std::uint32_t reap(std::error_code& ec) noexcept;

    [[nodiscard]] semaphore_stats stats() const;
    [[nodiscard]] semaphore_snapshot inspect() const;

    [[nodiscard]] std::string name() const;
    [[nodiscard]] std::uint32_t permits() const noexcept;
    /// Permits free at this instant; out of date when it arrives.
    [[nodiscard]] std::uint32_t available() const noexcept;

    explicit operator bool() const noexcept { return info_ != nullptr; }

   private:
    friend struct core::handle_access;
    std::shared_ptr<const core::semaphore_info> info_;  // keeps the segment attached
    std::uint32_t generation_ = 0;
};

}  // namespace shmsem
