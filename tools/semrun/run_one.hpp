#pragma once

#include "semrun/options.hpp"
#include "shmsem/semaphore.hpp"

namespace shmsem::semrun {

/// Waits for a permit of `from`, runs the command while it holds it, and gives it back. @return the exit status
/// @throws shmsem::error, std::system_error
[[nodiscard]] int run_one(const options& asked, const semaphore& from);

/// What the command finds in its environment besides.
[[nodiscard]] std::vector<std::string> environment_of(const options& asked, const lease& held);

/// `cannot run "ffmpeg": No such file or directory: install it, or check the spelling and PATH`
[[nodiscard]] std::string start_failure(const std::string& command, int error);

}  // namespace shmsem::semrun
