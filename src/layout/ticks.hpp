#pragma once

#include <cstdint>

#include "os/clock.hpp"

namespace shmsem::layout {

/// 10 ms steps since the segment was made, as serial numbers modulo 2^32 (half range 248 days). As a deadline 0 means none.
struct tick {
    std::uint32_t value = 0;
    friend constexpr bool operator==(tick, tick) = default;
    [[nodiscard]] constexpr bool none() const noexcept { return value == 0; }
    /// Serial comparison: correct across wrap-around while the two are less than 248 days apart.
    [[nodiscard]] constexpr bool reached_by(tick now) const noexcept {
        return static_cast<std::int32_t>(now.value - value) >= 0;
    }
};
static_assert(tick{0xffff'fff0U}.reached_by(tick{4}) && !tick{4}.reached_by(tick{0xffff'fff0U}));

inline constexpr os::nanoseconds tick_length{10'000'000};

/// A segment's clock: ticks counted from its creation.
class tick_clock {
   public:
    tick_clock() = default;
    explicit tick_clock(os::instant epoch) noexcept : epoch_(epoch) {}

    [[nodiscard]] tick at(os::instant when) const noexcept {
        return {static_cast<std::uint32_t>(static_cast<std::uint64_t>(os::elapsed(epoch_, when).count()) /
                                           static_cast<std::uint64_t>(tick_length.count()))};
    }
    /// The first tick that is at least `ticks` whole ones after `from`: a lease never ends before its ttl.
    [[nodiscard]] static constexpr tick after(tick from, std::uint32_t ticks) noexcept {
        const tick t{from.value + ticks + 1};
        return t.none() ? tick{1} : t;
    }
    /// The point in time of a tick that is near `around`.
    [[nodiscard]] os::instant instant_of(tick t, os::instant around) const noexcept {
        const auto distance = static_cast<std::int32_t>(t.value - at(around).value);
        const auto whole = (around - epoch_) / tick_length + distance;
        return epoch_ + whole * tick_length;
    }
    [[nodiscard]] os::instant epoch() const noexcept { return epoch_; }

   private:
    os::instant epoch_{};
};

/// A duration in ticks, rounded up; 0 stands for "none".
constexpr std::uint32_t ticks_of(os::nanoseconds d) noexcept {
    return static_cast<std::uint32_t>((d.count() + tick_length.count() - 1) / tick_length.count());
}
constexpr os::nanoseconds duration_of(std::uint32_t ticks) noexcept {
    return tick_length * static_cast<std::int64_t>(ticks);
}

/// The shorter of two numbers of ticks, each of which may be "none".
constexpr std::uint32_t shorter_of(std::uint32_t a, std::uint32_t b) noexcept { return a == 0 || (b != 0 && b < a) ? b : a; }

}  // namespace shmsem::layout
