#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shmsem/options.hpp"

namespace shmsem::fuzz {

// What the segments hold; a user of them looks for these names.
inline constexpr const char* gpu = "gpu";        // leased, renewed by the background thread each 10 ms
inline constexpr const char* bulk = "bulk";      // leased, order::throughput, renewal::manual
inline constexpr const char* units = "units";    // ownerless
inline constexpr const char* ledger = "ledger";  // of a mutex
inline constexpr semaphore_options gpu_options{.permits = 3, .max_permits = 6, .ttl = std::chrono::milliseconds{30}};
inline constexpr semaphore_options bulk_options{.permits = 5,
                                                .max_permits = 8,
                                                .ttl = std::chrono::seconds{30},
                                                .renewal = renewal::manual,
                                                .max_hold = std::chrono::seconds{60},
                                                .order = order::throughput};
inline constexpr std::int64_t most_units = 5;

/// The bytes of a segment in the midst of something, with which an image begins.
struct picture {
    std::string of;
    limits sizes;
    std::vector<std::uint8_t> bytes;
    std::int64_t taken_ns = 0;

    /// The same, as if it had been taken now: leases in it have as long to go as they had then.
    [[nodiscard]] std::vector<std::uint8_t> as_of_now() const;
};

/// Segments that are new, in use, and left by processes that were killed at one point or another. Forks, so it has to be called
/// while there is one thread.
std::vector<picture> take_pictures();

}  // namespace shmsem::fuzz
