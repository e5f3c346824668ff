#pragma once

#include <string>

#include "runner.hpp"

namespace semabench {

/// Three significant digits and a prefix: "7.83 ns", "259 us", "91.2 M/s", "488 kB".
std::string amount(double value, const std::string& unit);
std::string ratio_text(double ratio);
/// "1,000"
std::string count_text(double count);

/// "shmsem", "shmsem at 1,000"
std::string label_of(const benchmark& what, std::size_t contestant);
/// "<= 1.30", "<= 64.0 B"; empty without one
std::string target_text(const benchmark& what, const line& about);
/// "met", "missed: 12 % too high"; empty without a target
std::string verdict(const benchmark& what, const line& about, const finding& found);
/// Of the ratio, or of the figure itself where there is no peer: "0.91..1.20", "6.10 us..8.32 us"
std::string spread_text(const benchmark& what, const line& about, const finding& found);

}  // namespace semabench
