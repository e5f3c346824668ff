#pragma once

#include <boost/date_time/posix_time/posix_time_types.hpp>
#include <string>

#include "shmsem/segment.hpp"

namespace shmsem {

/// An ownerless semaphore under the names of boost::interprocess::interprocess_semaphore and named_semaphore. Header-only, so
/// that the library itself shows no Boost type. Errors, cost and crash behaviour: as ownerless_semaphore; an error is
/// shmsem::error, not interprocess_exception.
class interprocess_semaphore {
   public:
    /// Unnamed: shared with the children that this process forks. Limits and errors: as counting_semaphore.
    explicit interprocess_semaphore(unsigned initial_count)
        : maker_(detail::this_process()), inner_(detail::make_unnamed(initial_count, INT_MAX)) {}
    /// Of that name in a segment; `initial_count` counts for whoever creates it.
    /// @throws shmsem::error as segment::ownerless()
    interprocess_semaphore(segment& home, const std::string& name, unsigned initial_count)
        : inner_(home.ownerless(name, {.initial = initial_count})) {}
    ~interprocess_semaphore() {
        if (maker_ != 0) detail::destroy_unnamed(inner_, maker_);
    }
    interprocess_semaphore(const interprocess_semaphore&) = delete;
    interprocess_semaphore& operator=(const interprocess_semaphore&) = delete;

    /// @throws shmsem::error errc::overflow beyond INT_MAX
    void post() { inner_.release(); }
    void wait() { inner_.acquire(); }
    bool try_wait() { return inner_.try_acquire(); }
    /// @param abs_time  UTC, as in Boost
    /// @return false once that time has passed
    bool timed_wait(const boost::posix_time::ptime& abs_time) {
        if (abs_time.is_pos_infinity()) {
            wait();
            return true;
        }
        if (abs_time.is_special()) return try_wait();
        const boost::posix_time::ptime epoch(boost::gregorian::date(1970, 1, 1));
        using utc = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;  // holds every ptime
        return timed_wait(utc(std::chrono::microseconds((abs_time - epoch).total_microseconds())));
    }
    template <class Clock, class Duration>
    bool timed_wait(const std::chrono::time_point<Clock, Duration>& abs_time) {
        return detail::until(abs_time, [this](deadline d) { return inner_.try_acquire_until(d); });
    }
    [[nodiscard]] std::int64_t get_count() const noexcept { return inner_.value(); }

   private:
    std::uint64_t maker_ = 0;
    ownerless_semaphore inner_;
};

}  // namespace shmsem
