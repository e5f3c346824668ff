#pragma once

#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <system_error>

#include "shmsem/export.hpp"
#include "shmsem/inspect.hpp"
#include "shmsem/options.hpp"
#include "shmsem/time_points.hpp"

namespace shmsem {

namespace core {
struct semaphore_info;
struct handle_access;
}  // namespace core
class segment;

struct ownerless_options {
    std::int64_t initial = 0;       ///< 0..max; counts for the creator only
    std::int64_t max = INT_MAX;     ///< 1..INT_MAX; a release beyond it is errc::overflow
    std::uint32_t max_waiters = 0;  ///< 0: as many as the segment has room for
    /// When it exists with another max or max_waiters; there is nothing to resize.
    shmsem::if_different if_different = shmsem::if_different::fail;
};

/// The semaphore of POSIX: a count that anybody may raise, without owners, ttl or reaping; first come first served. Get one
/// from segment::ownerless(). A unit handed to a waiter that dies before taking it goes to the next one. Copyable handle;
/// all members are thread-safe, and a forked child may go on using it.
///
/// acquire() takes one unit and waits as long as it takes; try_acquire() does not wait; try_acquire_until() waits until
/// `when` (absolute, monotonic clock) at most, try_acquire_for() for `timeout` (nanoseconds) at most. None overtakes a
/// waiter.
/// - Result: the try_ forms return true with the unit; false without, also when a stop was requested first.
/// - Errors: errc::read_only, and errc::invalid_argument of an empty handle. A call that has to wait can also give
///   errc::too_many_waiters, errc::too_many_processes, errc::thread_failed, errc::segment_corrupt and errc::segment_truncated.
/// - Cost: one CAS, no system call, when nobody waits and the count is above zero. The first wait of a process, or its first
///   release to somebody who waits, attaches it to the segment, see there.
/// - Crash: who dies while waiting loses its place (I4). A unit that was taken stays taken until somebody releases one. A
///   process that is stopped inside the queue's lock holds up a wait, until its deadline or a stop.
class SHMSEM_API ownerless_semaphore {
   public:
    ownerless_semaphore() noexcept = default;

    void acquire();
    void acquire(std::error_code& ec) noexcept;
    /// Ends with errc::cancelled when `stop` is requested first.
    void acquire(std::stop_token stop);
    void acquire(std::stop_token stop, std::error_code& ec) noexcept;
    [[nodiscard]] bool try_acquire();
    [[nodiscard]] bool try_acquire(std::error_code& ec) noexcept;
    [[nodiscard]] bool try_acquire_until(deadline when, std::stop_token stop = {});
    [[nodiscard]] bool try_acquire_until(deadline when, std::stop_token stop, std::error_code& ec) noexcept;
    [[nodiscard]] bool try_acquire_for(duration timeout, std::stop_token stop = {});
    [[nodiscard]] bool try_acquire_for(duration timeout, std::stop_token stop, std::error_code& ec) noexcept;

    /// Adds n >= 0 units, and serves those who wait.
    /// @throws shmsem::error errc::overflow (then nothing was added), errc::invalid_argument, errc::read_only
    /// @cost   one CAS; with waiters also their grants and wake-ups. It does not wait for the queue's lock
    /// @crash  all units are added, or none; waiters that the caller did not come to serve are served within 5 s, by the
    ///         background thread of their own process
    void release(std::int64_t n = 1);
    void release(std::int64_t n, std::error_code& ec) noexcept;

    /// The count at this instant; 0 for an empty handle.
    [[nodiscard]] std::int64_t value() const noexcept;
    [[nodiscard]] std::string name() const;
    /// As semaphore::pause() and semaphore::resume(): while it is paused nobody is given a unit, and a post raises the count.
    void pause();
    void pause(std::error_code& ec) noexcept;
    void resume();
    void resume(std::error_code& ec) noexcept;
    [[nodiscard]] bool paused() const noexcept;

    /// What inspect.hpp describes, without locks; empty for an empty handle.
    [[nodiscard]] semaphore_stats stats() const;
    [[nodiscard]] semaphore_snapshot inspect() const;

    explicit operator bool() const noexcept { return info_ != nullptr; }

   private:
    friend struct core::handle_access;
    std::shared_ptr<const core::semaphore_info> info_;  // keeps the segment attached
    std::uint32_t generation_ = 0;
};

namespace detail {
/// A new unnamed one in memory that this process shares with the children that it forks, as sem_init(pshared) is used.
SHMSEM_API ownerless_semaphore make_unnamed(std::int64_t initial, std::int64_t max);
/// Removes it again, in the process that made it; elsewhere does nothing.
SHMSEM_API void destroy_unnamed(ownerless_semaphore& semaphore, std::uint64_t maker) noexcept;
SHMSEM_API std::uint64_t this_process() noexcept;
}  // namespace detail

/// std::counting_semaphore, first come first served, and shared with forked children; a second constructor gives it a name
/// in a segment, so that unrelated processes can use it. Code written against std compiles and behaves as before, but:
/// - The constructor is not constexpr, and may throw what segment::ownerless() does. A process and the children that it
///   forks have room for 4096 unnamed ones together (errc::too_many_semaphores); one whose maker is killed stays.
/// - LeastMaxValue is at most INT_MAX.
/// - What std leaves undefined is an error: a release beyond max() errc::overflow, an initial count out of range
///   errc::invalid_argument.
///
/// Errors, cost and crash behaviour: as ownerless_semaphore, but that try_acquire() answers false where there is an error.
template <std::ptrdiff_t LeastMaxValue = INT_MAX>
class counting_semaphore {
    static_assert(LeastMaxValue >= 0 && LeastMaxValue <= INT_MAX);

   public:
    explicit counting_semaphore(std::ptrdiff_t desired)
        : maker_(detail::this_process()), inner_(detail::make_unnamed(desired, LeastMaxValue > 0 ? LeastMaxValue : 1)) {}
    /// An existing or new ownerless semaphore of that name; `desired` counts for whoever creates it.
    template <class Segment>
    counting_semaphore(Segment& home, const std::string& name, std::ptrdiff_t desired)
        : inner_(home.ownerless(name, {.initial = desired, .max = LeastMaxValue > 0 ? LeastMaxValue : 1})) {}
    ~counting_semaphore() {
        if (maker_ != 0) detail::destroy_unnamed(inner_, maker_);
    }
    counting_semaphore(const counting_semaphore&) = delete;
    counting_semaphore& operator=(const counting_semaphore&) = delete;

    static constexpr std::ptrdiff_t max() noexcept { return LeastMaxValue; }
    void release(std::ptrdiff_t update = 1) { inner_.release(update); }
    void acquire() { inner_.acquire(); }
    bool try_acquire() noexcept {
        std::error_code ignored;
        return inner_.try_acquire(ignored);
    }
    template <class Rep, class Period>
    bool try_acquire_for(const std::chrono::duration<Rep, Period>& timeout) {
        return inner_.try_acquire_for(detail::bounded(timeout));
    }
    template <class Clock, class Duration>
    bool try_acquire_until(const std::chrono::time_point<Clock, Duration>& when) {
        return detail::until(when, [this](deadline d) { return inner_.try_acquire_until(d); });
    }

   private:
    std::uint64_t maker_ = 0;
    ownerless_semaphore inner_;
};

using binary_semaphore = counting_semaphore<1>;

}  // namespace shmsem
