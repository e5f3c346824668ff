#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "semtop/fields.hpp"
#include "semtop/rows.hpp"

// The columns of the overview, one descriptor each.

namespace shmsem::semtop {

struct overview_column {
    const char* id;  ///< for --sort
    field shape;
    double (*order)(const row& of);  ///< larger comes first; null: by name
    std::string (*text)(const row& of, std::size_t width, report::charset terminal);
    role (*look)(const row& of);
};

[[nodiscard]] const std::vector<overview_column>& overview_columns();

/// The index of the column with this id.
[[nodiscard]] std::optional<std::size_t> column_named(std::string_view id);

/// By that column, and by name where that is the same. Segments that cannot be read come first, whatever the order.
void sort_rows(std::vector<row>& rows, std::size_t column, bool inverted);

[[nodiscard]] const std::vector<field>& overview_fields();

}  // namespace shmsem::semtop
