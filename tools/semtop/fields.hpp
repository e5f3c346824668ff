#pragma once

#include <cstddef>
#include <vector>

#include "report/table.hpp"

namespace shmsem::semtop {

/// A column of a table that is drawn into a screen.
struct field {
    const char* title;  ///< capitals
    report::align side;
    std::size_t width;  ///< at least
    std::size_t most;   ///< up to here it grows when there is room, the first columns first
    int group;          ///< the highest groups are left out first when there is little room; 0 stays
};

/// Widths in a line of `width`, with a blank between two; 0: left out.
[[nodiscard]] std::vector<std::size_t> fitted_widths(const std::vector<field>& fields, std::size_t width);

}  // namespace shmsem::semtop
