#include "report/format.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace shmsem::report {
namespace {

// Two digits at least: "1.2", "12", "120".
std::string scaled(std::uint64_t value, std::uint64_t unit) {
    const std::uint64_t whole = value / unit;
    if (whole >= 10) return std::to_string(whole);
    return std::to_string(whole) + '.' + std::to_string(value % unit * 10 / unit);
}

std::string two_parts(std::uint64_t big, char big_unit, std::uint64_t small, char small_unit) {
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%llu%c%02llu%c", static_cast<unsigned long long>(big), big_unit,
                  static_cast<unsigned long long>(small), small_unit);
    return text.data();
}

}  // namespace

std::string human(duration length) {
    if (length == forever) return "forever";
    const auto ns = static_cast<std::uint64_t>(std::max<duration::rep>(length.count(), 0));
    if (ns == 0) return "0s";
    if (ns < 1'000) return std::to_string(ns) + "ns";
    if (ns < 1'000'000) return scaled(ns, 1'000) + "us";
    if (ns < 1'000'000'000) return scaled(ns, 1'000'000) + "ms";
    const std::uint64_t s = ns / 1'000'000'000;
    if (s < 60) return scaled(ns, 1'000'000'000) + "s";
    if (s < 60 * 60) return two_parts(s / 60, 'm', s % 60, 's');
    if (s < 24 * 60 * 60) return two_parts(s / 3600, 'h', s / 60 % 60, 'm');
    return two_parts(s / 86400, 'd', s / 3600 % 24, 'h');
}

std::string human_bytes(std::uint64_t bytes) {
    constexpr std::array<const char*, 5> units{" B", " KiB", " MiB", " GiB", " TiB"};
    if (bytes < 1024) return std::to_string(bytes) + units[0];
    std::size_t unit = 0;
    std::uint64_t one = 1;
    while (unit + 1 < units.size() && bytes / one >= 1024) {
        one *= 1024;
        ++unit;
    }
    return scaled(bytes, one) + units[unit];
}

std::string count_of(std::uint64_t n, const char* singular, const char* plural) {
    return std::to_string(n) + ' ' + (n == 1 ? singular : plural);
}

std::string bar(std::uint64_t held, std::uint64_t capacity, std::size_t width, charset terminal) {
    std::size_t filled = 0;
    if (capacity != 0 && held >= capacity) {
        filled = width;
    } else if (held != 0) {
        const long double part = static_cast<long double>(held) / static_cast<long double>(capacity);
        filled = std::clamp<std::size_t>(static_cast<std::size_t>(part * static_cast<long double>(width)), 1,
                                         std::max<std::size_t>(width, 2) - 1);
    }
    const bool utf8 = terminal == charset::utf8;
    std::string result = utf8 ? "" : "[";
    for (std::size_t i = 0; i < width; ++i) {
        if (utf8) {
            result += i < filled ? "\u2588" : "\u2591";
        } else {
            result += i < filled ? '#' : '.';
        }
    }
    if (!utf8) result += ']';
    return result;
}

}  // namespace shmsem::report
