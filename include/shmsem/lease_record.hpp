#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

namespace shmsem::core {

struct semaphore_info;

/// One permit of a lease: where, and the word that was installed there.
struct permit {
    std::uint32_t seat = 0;
    std::uint64_t word = 0;
    std::uint64_t token = 0;
};

/// What a lease object knows but for its word: the same for all that a thread takes from one slot in quick succession.
struct lease_terms {
    static constexpr std::uint64_t nobody = ~std::uint64_t{0};  // no identity

    const semaphore_info* of = nullptr;  // null: empty. It describes our semaphore only while `identity` is current
    std::uint64_t identity = 0;          // which incarnation of this process acquired it
    std::uint64_t usual = nobody;        // the same, if it is one permit with nothing to be done about it at its release
    std::uint32_t seat = 0;              // of the first permit
    std::uint32_t permits = 0;
    std::uint32_t timed = 0;    // how many holds this one counts for in the histogram; 0: it is not measured
    std::uint32_t watched = 0;  // non-zero: id in the process's table of leases that somebody wants to hear of
    std::uint64_t ticket = 0;
};

/// What a lease object knows: private memory, so it is trusted. Internal; here so that the fast path fills it in place, by few
/// stores, since each has to reach memory before the next compare-exchange.
struct lease_record : lease_terms {
    lease_record() = default;
    lease_record(const lease_terms& terms, std::uint64_t first_word, std::uint64_t first_token) noexcept
        : lease_terms(terms), word(first_word), token(first_token) {}

    std::uint64_t word = 0;  // of the first permit
    std::uint64_t token = 0;
    std::unique_ptr<permit[]> all;  // of several permits; else null

    [[nodiscard]] lease_record copy() const {
        lease_record c(*this, word, token);
        c.usual = nobody;
        c.timed = c.watched = 0;
        if (all) {
            c.all.reset(new permit[permits]);
            std::copy_n(all.get(), permits, c.all.get());
        }
        return c;
    }
};

}  // namespace shmsem::core
