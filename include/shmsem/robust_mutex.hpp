#pragma once

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <cstdint>

#include "shmsem/export.hpp"
#include "shmsem/time_points.hpp"

namespace shmsem {

/// What lock() found. `died`: a holder died inside, or its data was never declared consistent since.
enum class [[nodiscard]] previous_owner : std::uint8_t{left, died};

/// A robust process-shared pthread mutex, to be placed in shared memory by whoever creates it. Meets std Lockable and
/// TimedLockable, so std::unique_lock and boost::unique_lock work, and Boost.Interprocess's scoped_lock too.
///
/// When a holder dies the next lock() succeeds at once and answers `died`; so does every later one until somebody calls
/// mark_consistent(). It never becomes unusable. Do not copy, and do not put it in memory that hostile processes write: it
/// holds pointers that the C library follows.
///
/// An error of pthread_mutex_lock(3p) and the like is shmsem::error with a code of std::system_category(). Uncontended it
/// makes no system call. Not recursive.
class SHMSEM_API robust_mutex {
   public:
    robust_mutex();
    ~robust_mutex();
    robust_mutex(const robust_mutex&) = delete;
    robust_mutex& operator=(const robust_mutex&) = delete;

    /// Waits as long as it takes.
    previous_owner lock();
    /// Does not wait; the next three wait until that time at most. @return true when it is ours: owner_died() says what it
    /// found
    [[nodiscard]] bool try_lock();
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period>& timeout) {
        return lock_until(std::chrono::steady_clock::now() + detail::bounded(timeout));
    }
    template <class Clock, class Duration>
    [[nodiscard]] bool try_lock_until(const std::chrono::time_point<Clock, Duration>& when) {
        return detail::until(when, [this](deadline d) { return lock_until(d); });
    }
    /// By the thread that locked it.
    void unlock() noexcept;

    /// While held: true when a holder died and nobody has declared the data consistent since.
    [[nodiscard]] bool owner_died() const noexcept { return inconsistent_.load(std::memory_order_relaxed) != 0; }
    /// While held: what it protects is in order again.
    void mark_consistent() noexcept { inconsistent_.store(0, std::memory_order_relaxed); }

   private:
    bool lock_until(deadline when);
    bool settle(int result);
    pthread_mutex_t mutex_;
    std::atomic<std::uint32_t> inconsistent_{0};
};

}  // namespace shmsem
