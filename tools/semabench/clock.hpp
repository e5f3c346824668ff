#pragma once

#include <chrono>
#include <cstdint>

namespace semabench {

// One clock for everything, also across processes: CLOCK_MONOTONIC is the same in all of them.
using clock = std::chrono::steady_clock;
using duration = std::chrono::nanoseconds;

inline std::int64_t now_ns() { return std::chrono::duration_cast<duration>(clock::now().time_since_epoch()).count(); }

}  // namespace semabench
