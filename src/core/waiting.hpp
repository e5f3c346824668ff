#pragma once

#include "core/acquire.hpp"
#include "core/claimed_node.hpp"

namespace shmsem::core {

/// How a waiter passes its time in the queue: it spins where that has lately been shorter than to sleep and be woken, else sleeps on
/// its signal. What expired or died before it came it takes back itself; what does so later its background thread is asked to watch.
/// @param left  why, when it left the queue by itself: the answer is `abandoned` then
/// @return what has become of its node
layout::node_state wait_until_served(const semaphore_info& info, std::uint64_t identity, claimed_node& mine,
                                     const wait_request& request, wait_result& left) noexcept;

}  // namespace shmsem::core
