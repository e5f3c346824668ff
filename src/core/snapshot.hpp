#pragma once

#include "core/attachment.hpp"
#include "shmsem/inspect.hpp"

namespace shmsem::core {

// Reads without locks and trusts nothing: texts end within their fields, indices are checked, states outside the tables
// are called corrupt.
semaphore_stats stats_of(attachment& home, std::uint32_t index);
semaphore_snapshot snapshot_of(attachment& home, std::uint32_t index);
segment_snapshot snapshot_of(attachment& home);

}  // namespace shmsem::core
