#include "semrun/values.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace shmsem::semrun {
namespace {

struct unit {
    std::string_view name;
    double nanoseconds;
};

constexpr std::array<unit, 7> units{
    {{"", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}}};

}  // namespace

std::optional<std::int64_t> number_of(std::string_view text, std::int64_t most) noexcept {
    std::int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || text.front() == '-' || value > most) return std::nullopt;
    return value;
}

std::optional<duration> duration_of(std::string_view text) noexcept {
    if (text == "forever") return forever;
    double value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
    if (error != std::errc{} || !std::isfinite(value) || std::signbit(value)) return std::nullopt;
    const std::string_view rest(stop, static_cast<std::size_t>(end - stop));
    for (const unit& u : units) {
        if (rest != u.name) continue;
        const double nanoseconds = std::ceil(value * u.nanoseconds);
        if (nanoseconds > static_cast<double>(max_ttl.count())) return forever;
        return duration{static_cast<duration::rep>(nanoseconds)};
    }
    return std::nullopt;
}

}  // namespace shmsem::semrun
