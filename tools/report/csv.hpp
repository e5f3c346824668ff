#pragma once

#include <string>

#include "report/printable.hpp"
#include "report/snapshot.hpp"

// A line for each semaphore as in RFC 4180, except that lines end with '\n'; tools/semtop/README.md lists the columns. Text is
// printable() first, so that it neither obeys a terminal nor has a line break in it.

namespace shmsem::report {

[[nodiscard]] std::string csv_header();
/// A segment that cannot be read, or has no semaphores, is a line without a semaphore.
[[nodiscard]] std::string csv_rows(const snapshot& what, charset terminal);

}  // namespace shmsem::report
