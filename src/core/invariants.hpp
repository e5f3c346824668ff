#pragma once

#include "core/attachment.hpp"
#include "shmsem/inspect.hpp"

namespace shmsem::core {

/// Each structure against every other. Under the lock of each semaphore in turn when the mapping can be written; else what can
/// be said without, where something in flight may look like a fault.
invariants_report check_invariants(attachment& home);

}  // namespace shmsem::core
