#pragma once

#include "layout/records.hpp"
#include "os/futex.hpp"

// The futex of a waiter node. Its lowest bit says that the waiter sleeps, or is about to; the rest counts who rang. The waiter raises
// the bit, then looks at its node; a granter marks the node, then rings. All four are sequentially consistent, so either the waiter
// sees the mark or the granter sees the bit: a waiter that is awake costs no system call, and none sleeps through its grant.   (I4)

namespace shmsem::core {

inline constexpr std::uint32_t waiter_asleep = 1;
inline constexpr std::uint32_t one_ring = 2;

/// Wakes the waiter if it sleeps.
inline void ring(layout::node& node) noexcept {
    if ((node.signal.fetch_add(one_ring, std::memory_order_seq_cst) & waiter_asleep) != 0) os::futex_wake(node.signal, 1);
}
/// The same for whoever may come after one who rang and died before the system call.
inline void ring_again(layout::node& node) noexcept {
    node.signal.fetch_add(one_ring, std::memory_order_seq_cst);
    os::futex_wake(node.signal, 1);
}

}  // namespace shmsem::core
