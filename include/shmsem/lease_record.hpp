#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

namespace shmsem::core {

class attachment;

/// One permit of a lease: where, and the word that was installed there.
struct permit {
    std::uint32_t slot = 0;
    std::uint64_t word = 0;
    std::uint64_t token = 0;
};

/// What a lease object knows: private memory, so it is trusted. Internal; here so that the fast path fills it in place.
struct lease_record {
    attachment* home = nullptr;
    std::uint32_t semaphore = 0;
    std::uint32_t slot = 0;
    std::uint32_t seat = 0;
    std::uint32_t permits = 0;
    std::uint64_t word = 0;
    std::uint64_t token = 0;
    std::uint64_t identity = 0;  // which incarnation of this process acquired it
    std::uint64_t ticket = 0;
    std::unique_ptr<permit[]> all;  // of several permits; else null

    [[nodiscard]] lease_record copy() const {
        lease_record c{home, semaphore, slot, seat, permits, word, token, identity, ticket, nullptr};
        if (all) {
            c.all.reset(new permit[permits]);
            std::copy_n(all.get(), permits, c.all.get());
        }
        return c;
    }
};

}  // namespace shmsem::core
