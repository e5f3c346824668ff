#pragma once

#include <stdexcept>
#include <string>

#include "semrun/options.hpp"
#include "shmsem/segment.hpp"

namespace shmsem::semrun {

/// The semaphore has not what the options ask for. The message is whole but for the names.
class mismatch : public std::runtime_error {
   public:
    using std::runtime_error::runtime_error;
};

/// A segment that semrun makes has room for many short-lived processes and many names. Only the first use pays for it.
inline constexpr limits roomy{.processes = 4096, .semaphores = 1024, .permits = 16384, .waiters = 4096, .tenants = 1024};

/// The semaphore that the options name, made at first use, with its segment.
/// @throws shmsem::error, mismatch
[[nodiscard]] semaphore find_or_make(const options& asked);

/// What goes into acquire(). It refers to the options and to `label`.
[[nodiscard]] acquire_options request(const options& asked, const std::string& label);

/// The last part of a path.
[[nodiscard]] std::string base_name(const std::string& path);

}  // namespace shmsem::semrun
