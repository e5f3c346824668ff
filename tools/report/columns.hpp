#pragma once

#include <string>
#include <vector>

#include "report/printable.hpp"
#include "report/table.hpp"
#include "shmsem/inspect.hpp"

// What is shown of a semaphore, a holder and a waiter: one descriptor per column, in the order of the columns.

namespace shmsem::report {

/// Group numbers as in table.hpp; an empty cell means that there is nothing to say.
template <class Row>
struct column {
    const char* title;
    align side;
    int group;
    std::string (*cell)(const Row& row, charset terminal);
};

[[nodiscard]] const std::vector<column<semaphore_snapshot>>& semaphore_columns();
[[nodiscard]] const std::vector<column<holder_info>>& holder_columns();
[[nodiscard]] const std::vector<column<waiter_info>>& waiter_columns();

/// How long the waiter that has waited longest has waited; zero when nobody waits.
[[nodiscard]] duration oldest_wait(const semaphore_snapshot& semaphore) noexcept;

template <class Row>
table make_table(const std::vector<column<Row>>& columns, const std::vector<Row>& rows, charset terminal) {
    table result;
    for (const auto& c : columns) result.headings.push_back({c.title, c.side, c.group});
    for (const auto& row : rows) {
        auto& cells = result.rows.emplace_back();
        for (const auto& c : columns) cells.push_back(c.cell(row, terminal));
    }
    return result;
}

}  // namespace shmsem::report
