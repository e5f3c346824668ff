#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "shmsem/export.hpp"
#include "shmsem/lease.hpp"
#include "shmsem/segment.hpp"

namespace shmsem {

/// As in semaphore_options.
struct mutex_options {
    duration ttl = std::chrono::seconds{30};
    shmsem::renewal renewal = shmsem::renewal::automatic;
    duration max_hold = forever;
};

/// A semaphore of one permit with the shape of std::timed_mutex (Lockable, TimedLockable): works with std::unique_lock,
/// std::scoped_lock and boost::unique_lock. Fair, and free again when its holder dies (I5). Not recursive: a thread that
/// locks twice waits for itself. A hold is the thread's that locked; all threads may use one object. A forked child may go
/// on using it, and holds nothing of its parent's (I7). The semaphore lasts as long as the segment.
///
/// Cost and crash behaviour: as semaphore::acquire() and lease::release().
class SHMSEM_API mutex {
   public:
    /// @throws shmsem::error as segment::semaphore(); an existing one must have these options, one permit and order::fifo
    mutex(segment& home, const std::string& name, const mutex_options& options = {});
    mutex(const mutex&) = delete;
    mutex& operator=(const mutex&) = delete;
    ~mutex();

    /// @throws shmsem::error errc::too_many_waiters, errc::too_many_processes, errc::thread_failed, errc::read_only,
    ///         errc::segment_corrupt, errc::segment_truncated; so do the try_ forms
    void lock();
    /// @return true when it is ours; false when that would need waiting, as semaphore::try_acquire()
    [[nodiscard]] bool try_lock();
    /// This and the next wait until that time at most; if it has passed, as try_lock().
    /// @return true when it is ours, false once the time has passed
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period>& timeout) {
        return lock_until(std::chrono::steady_clock::now() + detail::bounded(timeout));
    }
    template <class Clock, class Duration>
    [[nodiscard]] bool try_lock_until(const std::chrono::time_point<Clock, Duration>& when) {
        return detail::until(when, [this](deadline d) { return lock_until(d); });
    }
    /// Unlocks when the calling thread still has it; after a lost lease, or without a lock, it does nothing.
    void unlock() noexcept;

    /// True while the calling thread holds it and the lease has not been lost.
    [[nodiscard]] bool owned() const noexcept;
    /// Fencing token of the calling thread's hold; 0 when it holds nothing, or has lost it.
    [[nodiscard]] std::uint64_t token() const noexcept;

   private:
    bool lock_until(deadline when);
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace shmsem
