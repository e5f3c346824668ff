#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "layout/records.hpp"
#include "os/testing.hpp"
#include "shmsem/options.hpp"

namespace shmsem::layout {

/// Where the tables lie: a pure function of the limits, so no stored offset is ever trusted.
struct geometry {
    limits sizes;
    std::size_t processes = 0;
    std::size_t semaphores = 0;
    std::size_t hints = 0;
    std::size_t hint_words = 0;
    std::size_t slots = 0;
    std::size_t nodes = 0;
    std::size_t tenants = 0;
    std::size_t events = 0;
    std::size_t total = 0;

    static geometry of(const limits& sizes) noexcept;
};

/// True when every limit is in its documented range.
bool valid(const limits& sizes) noexcept;

/// Word sizes, byte order and record sizes: processes that disagree on them must not share a segment.
std::uint64_t abi_fingerprint() noexcept;

/// A mapped segment. Keeps its own copy of the limits, so an index is checked against what was validated once, not against
/// memory that others can write.
class view {
   public:
    view() = default;
    view(void* base, const geometry& g) noexcept : base_(static_cast<std::byte*>(base)), geometry_(g) {}

    [[nodiscard]] layout::header& header() const noexcept { return at<layout::header>(0, 0, 1); }
    [[nodiscard]] const limits& sizes() const noexcept { return geometry_.sizes; }
    [[nodiscard]] const geometry& places() const noexcept { return geometry_; }

    // The index must be below the limit: see has_*().
    [[nodiscard]] process_entry& process(std::uint32_t i) const noexcept {
        return at<process_entry>(geometry_.processes, i, geometry_.sizes.processes);
    }
    [[nodiscard]] semaphore_block& semaphore(std::uint32_t i) const noexcept {
        return at<semaphore_block>(geometry_.semaphores, i, geometry_.sizes.semaphores);
    }
    [[nodiscard]] word64& hint(std::size_t i) const noexcept { return at<word64>(geometry_.hints, i, geometry_.hint_words); }
    [[nodiscard]] layout::slot& slot(std::uint32_t i) const noexcept {
        return at<layout::slot>(geometry_.slots, i, geometry_.sizes.permits);
    }
    [[nodiscard]] layout::node& node(std::uint32_t i) const noexcept {
        return at<layout::node>(geometry_.nodes, i, geometry_.sizes.waiters);
    }
    [[nodiscard]] layout::tenant& tenant(std::uint32_t i) const noexcept {
        return at<layout::tenant>(geometry_.tenants, i, geometry_.sizes.tenants);
    }
    [[nodiscard]] layout::event& event(std::uint32_t i) const noexcept {
        return at<layout::event>(geometry_.events, i, events_kept);
    }

    [[nodiscard]] bool has_process(std::uint32_t i) const noexcept { return i < geometry_.sizes.processes; }
    [[nodiscard]] bool has_node(std::uint32_t i) const noexcept { return i < geometry_.sizes.waiters; }

    [[nodiscard]] void* base() const noexcept { return base_; }

   private:
    template <class T>
    [[nodiscard]] T& at(std::size_t offset, std::size_t i, [[maybe_unused]] std::size_t count) const noexcept {
        os::expect_below(i, count);
        return *reinterpret_cast<T*>(base_ + offset + i * sizeof(T));
    }
    std::byte* base_ = nullptr;
    geometry geometry_;
};

/// The slots of one semaphore: a range that was checked against the tables when it was read.
struct slot_range {
    std::uint32_t first = 0;
    std::uint32_t capacity = 0;
    std::uint32_t first_hint = 0;
    [[nodiscard]] std::uint32_t hint_words() const noexcept { return (capacity + 63) / 64; }
};
/// @return an empty range when the block's numbers do not fit the tables
slot_range slots_of(const view& v, const semaphore_block& block) noexcept;

}  // namespace shmsem::layout
