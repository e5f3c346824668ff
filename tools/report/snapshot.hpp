#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "shmsem/inspect.hpp"

// What sampling produces, and all that drawing and conversion see.

namespace shmsem::report {

/// Why a segment could not be read.
struct failure {
    std::string code;     ///< the word for the error, as name_of(errc) gives it; "system_error" for any other
    std::string message;  ///< what is wrong and what to do, without the name and the code
};

struct segment_sample {
    std::string name;          ///< as asked for
    std::uint64_t reaped = 0;  ///< permits that were taken back while this sample was made, if that was asked for
    std::variant<segment_snapshot, failure> contents;
};

struct snapshot {
    std::chrono::system_clock::time_point taken;
    std::vector<segment_sample> segments;
};

/// True when every segment could be read.
[[nodiscard]] inline bool complete(const snapshot& seen) noexcept {
    for (const auto& segment : seen.segments) {
        if (!std::holds_alternative<segment_snapshot>(segment.contents)) return false;
    }
    return true;
}

}  // namespace shmsem::report
