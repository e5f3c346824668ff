#pragma once

#include "core/attachment.hpp"
#include "os/probe.hpp"
#include "os/testing.hpp"

// The ownerless kind: a count instead of slots, the same gate and queue.

namespace shmsem::core {

/// A fast acquire: one CAS, if the gate is open and the count is not zero.
inline bool try_take_unit(const semaphore_info& info) noexcept {
    layout::semaphore_block& block = *info.block;
    if ((block.gate.load(std::memory_order_seq_cst) & info.closed_gate) != 0) return false;
    std::uint64_t seen = block.count.load(std::memory_order_relaxed);
    for (;;) {
        if (layout::count_word::count_of(seen) == 0) return false;
        // acquire: pairs with add_units(); what the poster wrote before posting is visible to us.
        if (block.count.compare_exchange_weak(seen, seen - layout::count_word::one, std::memory_order_seq_cst,
                                              std::memory_order_relaxed)) {
            SHMSEM_PROBE(acquire, &block, 0, 0);
            return true;
        }
    }
}

/// Serves those who wait, now that there are units.
void hand_out_units(attachment& home, std::uint32_t index) noexcept;

/// @return false when it would exceed the maximum; then nothing was added
inline bool add_units(const semaphore_info& info, std::uint64_t n) noexcept {
    layout::semaphore_block& block = *info.block;
    const std::uint32_t max = std::min(info.max_count.load(std::memory_order_relaxed), layout::count_word::max_count);
    std::uint64_t seen = block.count.load(std::memory_order_relaxed);
    for (;;) {
        if (n > max || layout::count_word::count_of(seen) > max - n) return false;
        // seq_cst: before the look at the gate; see wait_queue::enqueue().
        if (block.count.compare_exchange_weak(seen, seen + n * layout::count_word::one, std::memory_order_seq_cst,
                                              std::memory_order_relaxed)) {
            break;
        }
    }
    SHMSEM_PROBE(release, &block, 0, 0);
    os::kill_point("release.opened");
    if ((block.gate.load(std::memory_order_seq_cst) & layout::gate::count_mask) != 0) [[unlikely]]
        hand_out_units(*info.home, info.index);
    return true;
}

}  // namespace shmsem::core
