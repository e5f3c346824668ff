#pragma once

#include <string>
#include <vector>

#include "report/snapshot.hpp"

namespace shmsem::report {

enum class sampling { look, reap_first };

/// Reads the segments of these names, in this order, or every segment of this host by name when there are none. Maps them
/// read-only, except to reap. What cannot be read is in the result with its error.
/// What looks like a deadlock is looked at twice before it is called one.
[[nodiscard]] snapshot sample(const std::vector<std::string>& names, sampling how);

}  // namespace shmsem::report
