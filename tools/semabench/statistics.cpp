#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace semabench {

namespace {
double at(const std::vector<double>& sorted, double q) {
    if (sorted.empty()) return 0;
    const double place = q * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(std::floor(place));
    const auto above = std::min(below + 1, sorted.size() - 1);
    const double part = place - static_cast<double>(below);
    return sorted[below] + (sorted[above] - sorted[below]) * part;
}
}  // namespace

double quantile(std::vector<double> values, double q) {
    std::sort(values.begin(), values.end());
    return at(values, q);
}

spread spread_of(const std::vector<double>& values) {
    std::vector<double> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    return {at(sorted, 0), at(sorted, 0.25), at(sorted, 0.5), at(sorted, 0.75), at(sorted, 1)};
}

}  // namespace semabench
