#include "semtop/draw.hpp"

#include <algorithm>

#include "report/format.hpp"
#include "report/paragraph.hpp"
#include "report/story.hpp"
#include "semtop/detail.hpp"
#include "semtop/help.hpp"
#include "semtop/overview_columns.hpp"

namespace shmsem::semtop {
namespace {

using report::count_of;
using report::printable;

// Below this the table is worth more than what stands around it.
constexpr std::size_t kRoomy = 8;

std::string title_of(const model& of) {
    switch (of.shown) {
        case page::help: return "help";
        case page::deadlocks: return "deadlocks";
        case page::detail: {
            const row one = selected_row(of);
            if (one.semaphore == nullptr) return of.selected ? printable(of.selected->segment, of.terminal) : std::string{};
            return printable(one.semaphore->name, of.terminal) + " in " + printable(one.sampled->name, of.terminal);
        }
        case page::overview: break;
    }
    std::size_t semaphores = 0;
    std::size_t processes = 0;
    for (const auto& sampled : of.seen.segments) {
        if (const auto* segment = std::get_if<segment_snapshot>(&sampled.contents)) {
            semaphores += segment->semaphores.size();
            processes += segment->processes.size();
        }
    }
    return count_of(of.seen.segments.size(), "segment", "segments") + ", " +
           count_of(semaphores, "semaphore", "semaphores") + ", " + count_of(processes, "process", "processes");
}

void draw_title(screen& on, const model& of) {
    on.fill(0, 0, role::title);
    std::string right = of.frozen ? "held still" : "every " + report::human(of.delay);
    if (!of.filter.empty()) right = "only " + printable(of.filter, of.terminal) + "  " + right;
    const std::size_t width = report::columns(right);
    const std::size_t room = of.extent.columns > width + 1 ? of.extent.columns - width - 1 : 0;
    on.put(0, 0, report::clip("semtop  " + title_of(of), room == 0 ? of.extent.columns : room, of.terminal), role::title);
    if (room > 20) on.put(0, of.extent.columns - width, right, of.frozen ? role::warning : role::title);
}

void draw_alarm(screen& on, const model& of) {
    std::size_t members = 0;
    for (const auto& one : of.seen.deadlocks) members += one.members.size();
    const std::string text =
        "DEADLOCK: " + count_of(members, "thread waits", "threads wait") + " for each other; D shows them";
    on.put(1, 0, text, role::alarm);
}

struct hint {
    const char* key;
    const char* text;
};

void draw_keys(screen& on, const model& of, std::size_t row) {
    if (!of.status.empty()) {
        on.put(row, 0, of.status, of.status_is_bad ? role::alarm : role::plain);
        return;
    }
    static constexpr hint overview[] = {{"?", "help"}, {"/", "filter"}, {"s", "sort"},   {"a", "idle"}, {"Enter", "all"},
                                        {"r", "reap"}, {"p", "pause"},  {"z", "resize"}, {"q", "quit"}};
    static constexpr hint inside[] = {{"Esc", "back"}, {"?", "help"},   {"e", "end lease"}, {"r", "reap"},
                                      {"p", "pause"},  {"z", "resize"}, {"q", "quit"}};
    static constexpr hint reading[] = {{"Esc", "back"}, {"q", "quit"}};
    std::size_t column = 0;
    const auto put = [&](const hint& one) {
        column = on.put(row, column, one.key, role::key);
        column = on.put(row, column, std::string(" ") + one.text + "  ", role::dim);
    };
    switch (of.shown) {
        case page::overview: std::for_each(std::begin(overview), std::end(overview), put); break;
        case page::detail: std::for_each(std::begin(inside), std::end(inside), put); break;
        default: std::for_each(std::begin(reading), std::end(reading), put);
    }
}

// Lines of text, wrapped; a terminal may be narrower than any word.
void add_wrapped(document& to, const model& of, const std::string& text, role look) {
    std::string lines = report::paragraph(text, std::max<std::size_t>(of.extent.columns, 20));
    for (std::size_t end = lines.find('\n'); end != std::string::npos; end = lines.find('\n')) {
        to.add(line{{lines.substr(0, end), look}});
        lines.erase(0, end + 1);
    }
}

document deadlocks_of(const model& of) {
    document result;
    if (of.seen.deadlocks.empty()) result.add(line{{"no deadlocks", role::dim}});
    for (const auto& one : of.seen.deadlocks) {
        if (result.lines() != 0) result.add(line{});
        role look = role::alarm;
        for (const auto& told : report::story_of(one, of.terminal)) {
            add_wrapped(result, of, told, look);
            look = role::plain;
        }
    }
    return result;
}

document help_of() {
    document result;
    for (const auto& one : help_lines()) {
        if (one.keys[0] == '\0') {
            result.add(line{{one.text, role::heading}});
        } else {
            std::string keys = one.keys;
            keys.resize(std::max<std::size_t>(keys.size() + 2, 21), ' ');
            result.add(line{{keys, role::key}, {one.text}});
        }
    }
    return result;
}

// Why the selected segment cannot be read; the line of the overview may be too short for that.
const report::failure* failure_of_selected(const model& of) {
    for (const auto& sampled : of.seen.segments) {
        if (of.selected && sampled.name == of.selected->segment) return std::get_if<report::failure>(&sampled.contents);
    }
    return nullptr;
}

void draw_detail(screen& on, const model& of, const body& area) {
    const row one = selected_row(of);
    if (const report::failure* why = failure_of_selected(of)) {
        document text;
        add_wrapped(
            text, of,
            printable(of.selected->segment, of.terminal) + ": cannot be read (" + printable(why->code, of.terminal) + ')',
            role::alarm);
        add_wrapped(text, of, printable(why->message, of.terminal), role::plain);
        text.draw(on, area.first, area.rows, 0, 0, of.extent.columns);
        return;
    }
    if (one.semaphore == nullptr) {
        on.put(area.first, 0, "It is not there any more, or cannot be read. Esc goes back.", role::dim);
        return;
    }
    const detail all = detail_of(of, one);
    all.left.draw(on, area.first, area.rows, of.scrolled, 0, all.width_of_left);
    all.right.draw(on, area.first, area.rows, of.scrolled, all.width_of_left + 2, of.extent.columns);
}

}  // namespace

body body_of(const model& of) {
    const std::size_t rows = of.extent.rows;
    std::size_t above = 1;
    if (!of.seen.deadlocks.empty() && rows >= kRoomy) ++above;
    if (of.shown == page::overview) ++above;
    std::size_t below = 1;
    if (of.shown == page::overview && rows >= kRoomy) ++below;
    if (rows <= above + below) return {std::min(above, rows), 0};
    return {above, rows - above - below};
}

std::size_t lines_of_page(const model& of) {
    switch (of.shown) {
        case page::help: return help_of().lines();
        case page::deadlocks: return deadlocks_of(of).lines();
        case page::detail: {
            const row one = selected_row(of);
            if (one.semaphore == nullptr) return 0;
            const detail all = detail_of(of, one);
            return std::max(all.left.lines(), all.right.lines());
        }
        case page::overview: break;
    }
    return 0;
}

std::size_t line_of_seat(const model& of) {
    const row one = selected_row(of);
    return one.semaphore == nullptr ? 0 : detail_of(of, one).line_of_seat;
}

screen draw(const model& of) {
    screen on(of.extent);
    if (of.extent.rows == 0 || of.extent.columns == 0) return on;
    const body area = body_of(of);
    switch (of.shown) {
        case page::overview: draw_overview(on, of); break;
        case page::detail: draw_detail(on, of, area); break;
        case page::deadlocks: deadlocks_of(of).draw(on, area.first, area.rows, of.scrolled, 0, of.extent.columns); break;
        case page::help: help_of().draw(on, area.first, area.rows, of.scrolled, 0, of.extent.columns); break;
    }
    draw_title(on, of);
    if (!of.seen.deadlocks.empty() && of.extent.rows >= kRoomy) draw_alarm(on, of);
    if (of.extent.rows > 1) draw_keys(on, of, of.extent.rows - 1);
    draw_dialog(on, of);
    return on;
}

}  // namespace shmsem::semtop
