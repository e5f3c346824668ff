#pragma once

#include <cstdint>
#include <vector>

#include "clock.hpp"
#include "statistics.hpp"

namespace semabench {

/// Nanoseconds that one call of `step` takes in a loop: the median over batches, or another quantile, after a warm-up of a tenth
/// of the window.
/// A batch that was interrupted by another process is an outlier among thousands and does not move the median. Batches are
/// long enough for the two looks at the clock not to count.
template <class Step>
double nanoseconds_per(Step&& step, duration window, int batch = 500, double q = 0.5) {
    const auto warm = now_ns() + window.count() / 10;
    do {
        for (int i = 0; i < batch; ++i) step();
    } while (now_ns() < warm);

    std::vector<double> batches;
    batches.reserve(1 << 16);
    auto start = now_ns();
    const auto end = start + window.count();
    while (start < end) {
        for (int i = 0; i < batch; ++i) step();
        const auto stop = now_ns();
        batches.push_back(static_cast<double>(stop - start) / batch);
        start = now_ns();
    }
    return quantile(std::move(batches), q);
}

/// How often per second `step` runs, counted over the whole window.
template <class Step>
double per_second(Step&& step, duration window, int batch = 500) {
    const auto start = now_ns();
    auto now = start;
    std::uint64_t count = 0;
    while (now - start < window.count()) {
        for (int i = 0; i < batch; ++i) step();
        count += static_cast<std::uint64_t>(batch);
        now = now_ns();
    }
    return static_cast<double>(count) * 1e9 / static_cast<double>(now - start);
}

}  // namespace semabench
