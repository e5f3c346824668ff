#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/printable.hpp"

// A table that loses nothing when the terminal is narrow. Columns are dropped in groups, the highest number first, until the
// rest fits; what was dropped follows under each row as "title value". To keep group 1, long text in group 0 is clipped a
// little; when group 0 alone is too wide, more. A column without a value in any row is not shown.

namespace shmsem::report {

enum class align { left, right };

struct heading {
    std::string title;  ///< capitals
    align side = align::left;
    int group = 0;  ///< from 0, the indispensable
};

struct table {
    std::vector<heading> headings;
    std::vector<std::vector<std::string>> rows;  ///< printable text; empty: no value
};

/// Lines, each ended by '\n' and none wider than `width`.
[[nodiscard]] std::string lay_out(const table& what, std::size_t width, charset terminal);

/// `items` separated by two spaces on as few lines as they fit, each indented.
[[nodiscard]] std::string wrap(const std::vector<std::string>& items, std::size_t indent, std::size_t width,
                               charset terminal);

}  // namespace shmsem::report
