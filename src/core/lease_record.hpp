#pragma once

#include <cstdint>
#include <string_view>

#include "core/attachment.hpp"
#include "shmsem/lease_record.hpp"

namespace shmsem::core {

constexpr std::uint64_t token_of(std::uint32_t seq_high, std::uint32_t seq) noexcept {
    return static_cast<std::uint64_t>(seq_high) << layout::seq_bits | seq;
}

/// What is said of a lease besides its word.
struct description {
    std::uint32_t ttl_ticks = 0;
    std::uint32_t tenant = 0;  // index + 1
    std::string_view label;
};

}  // namespace shmsem::core
