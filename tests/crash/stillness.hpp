#pragma once

#include "support/child.hpp"

namespace shmsem::test {

/// Stops the process when none of its threads runs: then none of them is in the middle of anything.
void freeze_when_still(child& process);

/// True while every thread of the process sleeps.
[[nodiscard]] bool all_threads_sleep(pid_t pid);

}  // namespace shmsem::test
