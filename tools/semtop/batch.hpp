#pragma once

#include "report/printable.hpp"
#include "semtop/options.hpp"

namespace shmsem::semtop {

/// Prints samples to standard output: one, or with --watch one after the other until a signal ends it. @return the exit status
[[nodiscard]] int run_batch(const options& asked, report::charset terminal);

}  // namespace shmsem::semtop
