#include "semctl/durations.hpp"

#include <charconv>
#include <utility>

namespace shmsem::semctl {

std::optional<duration> parse_duration(std::string_view text) {
    if (text == "forever") return forever;
    double number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc{} || !(number >= 0)) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
    constexpr std::pair<std::string_view, double> units[] = {{"", 1e9},     {"ns", 1},     {"us", 1e3},
                                                             {"ms", 1e6},   {"s", 1e9},    {"m", 60e9},
                                                             {"min", 60e9}, {"h", 3600e9}, {"d", 86400e9}};
    for (const auto& [unit, nanoseconds] : units) {
        if (text != unit) continue;
        const double total = number * nanoseconds;
        if (total >= 9e18) return std::nullopt;
        return duration{static_cast<duration::rep>(total)};
    }
    return std::nullopt;
}

}  // namespace shmsem::semctl
