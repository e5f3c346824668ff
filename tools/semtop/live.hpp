#pragma once

#include "report/printable.hpp"
#include "semtop/options.hpp"

namespace shmsem::semtop {

/// The live view, until the user leaves it. @return the exit status; a signal that ends it is raised again once the terminal is
/// as it was before
/// @throws std::runtime_error when the terminal cannot be used
[[nodiscard]] int run_live(const options& asked, report::charset charset);

}  // namespace shmsem::semtop
