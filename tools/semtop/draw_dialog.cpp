#include <algorithm>
#include <sstream>

#include "report/paragraph.hpp"
#include "semtop/draw.hpp"
#include "semtop/overview_columns.hpp"
#include "semtop/update.hpp"

namespace shmsem::semtop {
namespace {

using kind = dialog::kind;

void draw_box(screen& on, const std::vector<std::string>& lines, std::size_t chosen) {
    std::size_t width = 0;
    for (const auto& one : lines) width = std::max(width, report::columns(one) + 2);
    const size of = on.extent();
    width = std::min(width, of.columns);
    const std::size_t left = (of.columns - width) / 2;
    const std::size_t rows = lines.size() + 2;
    const std::size_t top = of.rows > rows ? (of.rows - rows) / 2 : 0;
    for (std::size_t i = 0; i < rows; ++i) {
        const bool text = i > 0 && i <= lines.size();
        const role look = text && i - 1 == chosen ? role::selected : role::dialog;
        on.put(top + i, left, std::string(width, ' '), look);
        if (text) on.put(top + i, left + 1, report::cut(lines[i - 1], width - std::min<std::size_t>(width, 1)), look);
    }
}

void draw_prompt(screen& on, const model& of, const std::string& prompt) {
    const std::size_t row = on.extent().rows - 1;
    on.fill(row, 0, role::dialog);
    std::size_t column = on.put(row, 0, prompt, role::dialog);
    column = on.put(row, column, printable(of.asking.typed, of.terminal), role::dialog);
    on.put(row, column, "_", role::dialog);
}

void draw_question(screen& on, const model& of) {
    const std::size_t width = std::min<std::size_t>(60, on.extent().columns > 4 ? on.extent().columns - 4 : 1);
    std::istringstream text(report::paragraph(question_of(of.asking.proposed, of.terminal), width));
    std::vector<std::string> lines;
    for (std::string one; std::getline(text, one);) lines.push_back(one);
    lines.push_back("");
    lines.push_back("y yes   n no");
    draw_box(on, lines, lines.size());
}

void draw_columns(screen& on, const model& of) {
    const auto& all = overview_columns();
    // As many as there is room for, around the chosen one.
    const std::size_t rows = on.extent().rows;
    const std::size_t room = std::clamp<std::size_t>(rows > 3 ? rows - 3 : 1, 1, all.size());
    const std::size_t first = std::min(all.size() - room, of.asking.choice > room / 2 ? of.asking.choice - room / 2 : 0);
    std::vector<std::string> lines{"Sort by (Enter)"};
    for (std::size_t i = first; i < first + room; ++i) lines.push_back(all[i].shape.title);
    draw_box(on, lines, of.asking.choice - first + 1);
}

}  // namespace

void draw_dialog(screen& on, const model& of) {
    switch (of.asking.asks) {
        case kind::none: break;
        case kind::filter: draw_prompt(on, of, "Show only names with: "); break;
        case kind::delay: draw_prompt(on, of, "Seconds between samples (0.1 to 3600): "); break;
        case kind::resize: draw_prompt(on, of, "New number of permits: "); break;
        case kind::sort: draw_columns(on, of); break;
        case kind::confirm: draw_question(on, of); break;
    }
}

}  // namespace shmsem::semtop
