#pragma once

#include "support/child.hpp"

// Processes that are kept from acting, so that it is certain who does what comes next.

namespace shmsem::test {

/// Stops the process when all its threads wait for something: then none of them is in the middle of anything, and holds a lock.
void freeze_when_still(child& process);

/// True while every thread of the process sleeps.
[[nodiscard]] bool all_threads_sleep(pid_t pid);

/// False if the thread, which has been stopped, was executing instructions of its own rather than waiting in a system call.
[[nodiscard]] bool was_stopped_in_a_call(pid_t thread);

}  // namespace shmsem::test
