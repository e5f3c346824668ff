#pragma once

#include <string>

namespace shmsem::semrun {

/// What --help prints.
[[nodiscard]] std::string help_text();

}  // namespace shmsem::semrun
