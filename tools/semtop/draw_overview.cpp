#include <algorithm>

#include "report/columns.hpp"
#include "report/format.hpp"
#include "semtop/draw.hpp"
#include "semtop/overview_columns.hpp"

namespace shmsem::semtop {
namespace {

using report::align;
using report::printable;

void draw_headings(screen& on, const model& of, std::size_t row, const std::vector<std::size_t>& widths) {
    on.fill(row, 0, role::heading);
    std::size_t column = 0;
    for (std::size_t i = 0; i < widths.size(); ++i) {
        if (widths[i] == 0) continue;
        const field& shape = overview_fields()[i];
        on.put_field(row, column, widths[i], shape.title, shape.side, i == of.sort_by ? role::sorted_by : role::heading,
                     of.terminal);
        column += widths[i] + 1;
    }
}

// A line about a segment of which no semaphore is shown.
void draw_segment(screen& on, const model& of, std::size_t row, const semtop::row& one) {
    const auto* why = std::get_if<report::failure>(&one.sampled->contents);
    std::size_t column = on.put(row, 0, report::clip(printable(one.sampled->name, of.terminal), 47, of.terminal));
    if (why != nullptr) {
        column = on.put(row, column, ": cannot be read (" + printable(why->code, of.terminal) + "): ", role::alarm);
        on.put(row, column, printable(why->message, of.terminal), role::alarm);
        return;
    }
    const std::size_t all = one.segment->semaphores.size();
    on.put(row, column,
           all == 0 ? ": no semaphores" : ": " + report::count_of(all, "semaphore", "semaphores") + ", not shown",
           role::dim);
}

void draw_semaphore(screen& on, const model& of, std::size_t row, const semtop::row& one,
                    const std::vector<std::size_t>& widths) {
    std::size_t column = 0;
    for (std::size_t i = 0; i < widths.size(); ++i) {
        if (widths[i] == 0) continue;
        const overview_column& what = overview_columns()[i];
        on.put_field(row, column, widths[i], what.text(one, widths[i], of.terminal), what.shape.side, what.look(one),
                     of.terminal);
        column += widths[i] + 1;
    }
}

// What of the selected row there is no column for, so that a narrow terminal hides nothing.
void draw_rest(screen& on, const model& of, std::size_t row, const semtop::row& one,
               const std::vector<std::size_t>& widths) {
    if (one.semaphore == nullptr) return;
    std::size_t column = 0;
    if (one.semaphore->paused) column = on.put(row, column, "granting is paused  ", role::warning);
    for (std::size_t i = 0; i < widths.size(); ++i) {
        const overview_column& what = overview_columns()[i];
        if (widths[i] != 0 || std::string_view(what.id) == "trend") continue;
        const std::string value = what.text(one, what.shape.width, of.terminal);
        if (value.empty() || value == "0") continue;
        column = on.put(row, column, std::string(what.id) + ' ', role::dim);
        column = on.put(row, column, value + "  ");
    }
}

}  // namespace

void draw_overview(screen& on, const model& of) {
    const auto rows = visible_rows(of);
    const auto widths = fitted_widths(overview_fields(), of.extent.columns);
    const body area = body_of(of);
    if (area.first > 0) draw_headings(on, of, area.first - 1, widths);
    const std::size_t selected = selected_index(of, rows);
    for (std::size_t i = 0; i < area.rows && of.top + i < rows.size(); ++i) {
        const semtop::row& one = rows[of.top + i];
        if (one.semaphore == nullptr) {
            draw_segment(on, of, area.first + i, one);
        } else {
            draw_semaphore(on, of, area.first + i, one, widths);
        }
        if (of.top + i == selected) on.tint(area.first + i, 0, of.extent.columns, role::selected);
    }
    if (rows.empty() && area.rows > 0) {
        on.put(area.first, 0,
               of.seen.segments.empty() ? "no segments on this host"
               : of.filter.empty()      ? "nothing in use; a shows idle semaphores too"
                                        : "nothing passes the filter",
               role::dim);
    }
    if (!rows.empty() && area.rows > 1) draw_rest(on, of, area.first + area.rows, rows[selected], widths);
}

}  // namespace shmsem::semtop
