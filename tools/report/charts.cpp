#include "report/charts.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "report/format.hpp"

namespace shmsem::report {
namespace {

std::string right_aligned(const std::string& text, std::size_t width) {
    return std::string(width - std::min(width, columns(text)), ' ') + text;
}

// The last bucket has no upper bound.
std::string bound_of(std::size_t bucket) {
    if (bucket + 1 == histogram_buckets) return ">=" + human(std::chrono::microseconds{std::int64_t{1} << bucket});
    return '<' + human(std::chrono::microseconds{std::int64_t{2} << bucket});
}

}  // namespace

std::string sparkline(const std::vector<double>& values, charset terminal) {
    constexpr std::array<const char*, 8> blocks{"\u2581", "\u2582", "\u2583", "\u2584",
                                                "\u2585", "\u2586", "\u2587", "\u2588"};
    constexpr std::array<const char*, 8> plain{"_", ".", ":", "-", "=", "+", "*", "#"};
    std::string result;
    for (const double value : values) {
        if (value < 0) {
            result += ' ';
            continue;
        }
        // The lowest only for none at all, the highest only for all.
        auto level = static_cast<std::size_t>(std::clamp(value, 0.0, 1.0) * 7);
        if (value > 0) level = std::max<std::size_t>(level, 1);
        result += terminal == charset::utf8 ? blocks[level] : plain[level];
    }
    return result;
}

std::vector<std::string> histogram_bars(const histogram& counts, std::size_t width, charset terminal) {
    const auto counted = [](std::uint64_t n) { return n != 0; };
    const auto first = std::find_if(counts.begin(), counts.end(), counted);
    if (first == counts.end()) return {};
    const auto last = std::find_if(counts.rbegin(), counts.rend(), counted).base();
    const std::uint64_t most = *std::max_element(counts.begin(), counts.end());
    const std::size_t number_width = std::to_string(most).size();
    constexpr std::size_t bound_width = 7;
    const std::size_t brackets = terminal == charset::utf8 ? 0 : 2;
    const std::size_t around = bound_width + 1 + brackets + 1 + number_width;
    const std::size_t bar_width = width > around + 1 ? std::min<std::size_t>(width - around, 40) : 1;
    std::vector<std::string> lines;
    for (auto at = first; at != last; ++at) {
        const auto bucket = static_cast<std::size_t>(at - counts.begin());
        lines.push_back(right_aligned(bound_of(bucket), bound_width) + ' ' + bar(*at, most, bar_width, terminal) + ' ' +
                        right_aligned(std::to_string(*at), number_width));
    }
    return lines;
}

}  // namespace shmsem::report
