#include "shmsem/inspect.hpp"

#include <algorithm>
#include <numeric>

namespace shmsem {

duration quantile(const histogram& counts, double q) noexcept {
    const std::uint64_t total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    if (total == 0) return duration::zero();
    const auto rank = static_cast<std::uint64_t>(std::clamp(q, 0.0, 1.0) * static_cast<double>(total - 1));
    std::uint64_t seen = 0;
    std::size_t bucket = 0;
    while (bucket + 1 < counts.size() && (seen += counts[bucket]) <= rank) ++bucket;
    return std::chrono::microseconds{std::int64_t{2} << bucket};
}

}  // namespace shmsem
