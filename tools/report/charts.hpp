#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/printable.hpp"
#include "shmsem/inspect.hpp"

namespace shmsem::report {

/// One character for each value of 0..1, eight heights; a negative value is one that is not known, and a blank.
[[nodiscard]] std::string sparkline(const std::vector<double>& values, charset terminal);

/// A line for each bucket from the first to the last that counted something: its bound, a bar and the count, in `width` columns.
/// Bars are in proportion to the largest count. Empty when nothing was counted.
[[nodiscard]] std::vector<std::string> histogram_bars(const histogram& counts, std::size_t width, charset terminal);

}  // namespace shmsem::report
