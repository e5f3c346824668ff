#pragma once

#include <chrono>
#include <type_traits>

#include "shmsem/options.hpp"

// Times of any clock and unit, as the library's deadlines.

namespace shmsem::detail {

using wide_seconds = std::chrono::duration<long double>;

/// A time-out that cannot overflow when added to now.
template <class Rep, class Period>
duration bounded(const std::chrono::duration<Rep, Period>& timeout) {
    if (wide_seconds(timeout) >= wide_seconds(max_ttl)) return max_ttl;
    if (!(wide_seconds(timeout) > wide_seconds(0))) return duration::zero();
    return std::chrono::ceil<duration>(timeout);
}

/// Calls `before(deadline)` until it answers true, or the time has come on the clock of `when`, which may be set meanwhile
/// and tick otherwise than ours.
template <class Clock, class Duration, class Try>
bool until(const std::chrono::time_point<Clock, Duration>& when, Try&& before) {
    if constexpr (std::is_same_v<std::chrono::time_point<Clock, Duration>, deadline>) return before(when);
    const auto left = [&when] {
        return wide_seconds(when.time_since_epoch()) - wide_seconds(Clock::now().time_since_epoch());
    };
    do {
        if (before(std::chrono::steady_clock::now() + bounded(left()))) return true;
    } while (left() > wide_seconds(0));
    return false;
}

}  // namespace shmsem::detail
