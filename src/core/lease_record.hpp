#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>

#include "core/attachment.hpp"

namespace shmsem::core {

/// One permit of a lease: where, and the word that was installed there.
struct permit {
    std::uint32_t slot = 0;
    std::uint64_t word = 0;
};

/// What a lease object knows: private memory, so it is trusted.
struct lease_record {
    attachment* home = nullptr;
    std::uint32_t semaphore = 0;
    std::uint32_t slot = 0;
    std::uint32_t permits = 0;
    std::uint64_t word = 0;
    std::uint64_t token = 0;
    std::uint64_t identity = 0;
    std::uint64_t ticket = 0;
    std::unique_ptr<permit[]> all;  // of several permits; else null

    [[nodiscard]] lease_record copy() const {
        lease_record c{.home = home, .semaphore = semaphore, .slot = slot, .permits = permits, .word = word, .token = token,
                       .identity = identity, .ticket = ticket, .all = nullptr};
        if (all) {
            c.all.reset(new permit[permits]);
            std::copy_n(all.get(), permits, c.all.get());
        }
        return c;
    }
};

constexpr std::uint64_t token_of(std::uint32_t seq_high, layout::slot_word w) noexcept {
    return static_cast<std::uint64_t>(seq_high) << layout::seq_bits | w.seq;
}

/// What is said of a lease besides its word.
struct description {
    std::uint32_t ttl_ticks = 0;
    std::uint32_t tenant = 0;  // index + 1
    std::string_view label;
};

}  // namespace shmsem::core
