#pragma once

#include <variant>

#include "semctl/requests.hpp"

namespace shmsem::semctl {

/// What the command line asks for, or the status to exit with at once: it was --help, or it was wrong and has been told so.
[[nodiscard]] std::variant<request, int> parse(int argc, const char* const* argv);

}  // namespace shmsem::semctl
