#pragma once

#include "semrun/options.hpp"
#include "shmsem/semaphore.hpp"

namespace shmsem::semrun {

/// Runs the command once for each line of the standard input, several at once, each under a permit of its own.
/// @return the exit status
/// @throws shmsem::error, std::system_error
[[nodiscard]] int run_each(const options& asked, const semaphore& from);

}  // namespace shmsem::semrun
