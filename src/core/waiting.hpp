#pragma once

#include "core/acquire.hpp"
#include "core/claimed_node.hpp"

namespace shmsem::core {

/// How a waiter passes its time in the queue. While it is short it spins, where that has paid lately; else it sleeps on its signal. It
/// takes back itself what expired or died before it came. What expires later its background thread is asked to watch; a death while it
/// sleeps it hears itself, when it is the one whom the kernel wakes, else from a background thread. With order::throughput a waiter
/// that was woken takes what it sees open; after barging_limit it has the gate closed.
/// @param left  why, when it left the queue by itself: the answer is `abandoned` then
/// @return what has become of its node
layout::node_state wait_until_served(const semaphore_info& info, std::uint64_t identity, claimed_node& mine,
                                     const wait_request& request, os::instant now, wait_result& left) noexcept;

}  // namespace shmsem::core
