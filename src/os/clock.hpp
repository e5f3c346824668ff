#pragma once

#include <time.h>

#include <chrono>
#include <cstdint>

#include "os/testing.hpp"

namespace shmsem::os {

/// A point on CLOCK_MONOTONIC, the same for all processes of a time namespace.
using instant = std::chrono::steady_clock::time_point;
using std::chrono::nanoseconds;

inline constexpr instant never = instant::max();

inline instant read_clock(clockid_t which) noexcept {
    timespec ts;
    ::clock_gettime(which, &ts);
    return instant{nanoseconds{ts.tv_sec * 1'000'000'000LL + ts.tv_nsec} + clock_shift()};
}

/// 22 ns.
inline instant now() noexcept { return read_clock(CLOCK_MONOTONIC); }
/// 5 ns; up to one kernel tick (4 ms) behind now(), which is enough for a ttl.
inline instant coarse_now() noexcept { return read_clock(CLOCK_MONOTONIC_COARSE); }

/// A point in time that was read from memory which may hold anything.
inline instant instant_of_ns(std::uint64_t ns) noexcept { return instant{nanoseconds{static_cast<std::int64_t>(ns)}}; }

/// How long it is from `then`, which may be such a point, to `now`. Too far apart to count, it is some number.
inline nanoseconds elapsed(instant then, instant now) noexcept {
    return nanoseconds{static_cast<std::int64_t>(static_cast<std::uint64_t>(now.time_since_epoch().count()) -
                                                 static_cast<std::uint64_t>(then.time_since_epoch().count()))};
}

/// now + timeout without overflow.
inline instant after(instant from, nanoseconds timeout) noexcept { return timeout > never - from ? never : from + timeout; }

}  // namespace shmsem::os
