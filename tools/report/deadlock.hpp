#pragma once

#include <vector>

#include "report/snapshot.hpp"

// Deadlocks across semaphores and segments, found by reduction: whoever does not wait will give back what it holds; so a waiter
// can be served once everybody ahead of it can, and enough permits are free or held by those who can go on. Who remains when
// nothing more follows is stuck; the stuck ones that wait for each other in a circle are a deadlock, the others wait behind one.
// With counting semaphores a circle alone proves nothing, since another permit may come free: hence the reduction.
//
// It goes by threads, since one thread of a process may wait while another will release. No deadlock is a wait
// - for an ownerless or a paused semaphore: anybody may post to it, or resume it;
// - for a lease that ends by itself: renewed by hand with a ttl, or with a max_hold;
// - for a permit that is on its way to an adopter, or whose holder is dead.
// A lease that was given to another thread of its process still counts as that of the thread that took it: what is found is a deadlock
// unless somebody else of those processes releases. And nobody knows of a process that waits for its child, such as semrun's.
// A wait with a time-out ends too, but a snapshot does not tell: until then it is as stuck as the others.

namespace shmsem::report {

[[nodiscard]] std::vector<deadlock> find_deadlocks(const std::vector<segment_sample>& segments);

/// Those of `now` that were there `before`, with the same tickets. What was read while permits changed hands may look like a
/// deadlock once, but not twice: a thread that was served has another ticket.
[[nodiscard]] std::vector<deadlock> persisting(const std::vector<deadlock>& before, std::vector<deadlock> now);

}  // namespace shmsem::report
