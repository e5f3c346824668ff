#include "wording.hpp"

#include <cmath>
#include <cstdio>
#include <span>

namespace semabench {

namespace {

std::string formatted(const char* pattern, double value) {
    char text[48];
    std::snprintf(text, sizeof text, pattern, value);
    return text;
}

std::string with_prefix(double value, std::span<const char* const> units) {
    std::size_t step = 0;
    while (value >= 999.5 && step + 1 < units.size()) {
        value /= 1000;
        ++step;
    }
    const char* pattern = value >= 99.95 || value == std::round(value) ? "%.0f" : value >= 9.995 ? "%.1f" : "%.2f";
    return formatted(pattern, value) + " " + units[step];
}

}  // namespace

std::string amount(double value, const std::string& unit) {
    static const char* const times[] = {"ns", "us", "ms", "s"};
    static const char* const rates[] = {"/s", "k/s", "M/s", "G/s"};
    static const char* const sizes[] = {"B", "kB", "MB", "GB"};
    if (unit == "ns") return with_prefix(value, times);
    if (unit == "/s") return with_prefix(value, rates);
    if (unit == "B") return with_prefix(value, sizes);
    const char* const plain[] = {unit.c_str()};
    return with_prefix(value, plain);
}

std::string ratio_text(double ratio) {
    if (ratio >= 999.5) return count_text(ratio);
    return formatted(ratio < 0.0995 ? "%.3f" : ratio < 9.95 ? "%.2f" : "%.1f", ratio);
}

std::string count_text(double count) {
    const std::string digits = formatted("%.0f", count);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
        text += digits[i];
    }
    return text;
}

std::string label_of(const benchmark& what, std::size_t contestant) {
    const auto& who = what.contestants.at(contestant);
    return who.size ? who.name + " at " + count_text(*who.size) : who.name;
}

std::string target_text(const benchmark& what, const line& about) {
    if (!about.wanted) return "";
    const auto& by = what.measures.at(about.measure);
    const std::string bound = about.peer ? ratio_text(*about.wanted) : amount(*about.wanted, by.unit);
    return (by.direction == better::lower ? "<= " : ">= ") + bound;
}

std::string verdict(const benchmark& what, const line& about, const finding& found) {
    if (!about.wanted) return "";
    if (found.met) return "met";
    const bool lower = what.measures.at(about.measure).direction == better::lower;
    const double percent = found.miss * 100;
    return "missed: " + formatted(percent < 0.95 ? "%.1f" : "%.0f", percent) + (lower ? " % too high" : " % too low");
}

std::string spread_text(const benchmark& what, const line& about, const finding& found) {
    if (about.peer) return ratio_text(found.ratio.min) + ".." + ratio_text(found.ratio.max);
    const auto& unit = what.measures.at(about.measure).unit;
    return amount(found.figure.min, unit) + ".." + amount(found.figure.max, unit);
}

}  // namespace semabench
