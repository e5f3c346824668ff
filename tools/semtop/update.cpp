#include "semtop/update.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "report/format.hpp"
#include "semtop/detail.hpp"
#include "semtop/draw.hpp"
#include "semtop/overview_columns.hpp"

namespace shmsem::semtop {
namespace {

using code = key::code;
using kind = dialog::kind;

std::size_t moved(std::size_t at, std::ptrdiff_t by, std::size_t count) {
    if (count == 0) return 0;
    const auto to = static_cast<std::ptrdiff_t>(at) + by;
    return static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(to, 0, static_cast<std::ptrdiff_t>(count) - 1));
}

// The smallest change of `top` that shows the line.
std::size_t scrolled_to(std::size_t top, std::size_t line, std::size_t rows) {
    if (line < top) return line;
    if (rows != 0 && line >= top + rows) return line - rows + 1;
    return top;
}

void select(model& of, const std::vector<row>& rows, std::size_t index) {
    const std::size_t height = body_of(of).rows;
    if (rows.empty()) {
        of.top = 0;
        return;
    }
    index = std::min(index, rows.size() - 1);
    of.selected = place_of(rows[index]);
    of.selected_at = index;
    of.top = scrolled_to(std::min(of.top, rows.size() > height ? rows.size() - height : 0), index, height);
}

// After rows have moved: the same one stays selected and in sight.
void keep_in_sight(model& of) {
    if (of.shown != page::overview) {
        const std::size_t lines = lines_of_page(of);
        const std::size_t height = body_of(of).rows;
        of.scrolled = std::min(of.scrolled, lines > height ? lines - height : 0);
        return;
    }
    const auto rows = visible_rows(of);
    select(of, rows, selected_index(of, rows));
}

void show(model& of, page to) {
    of.shown = to;
    of.scrolled = 0;
    of.status.clear();
    keep_in_sight(of);
}

void say(model& of, const std::string& words) {
    of.status = words;
    of.status_is_bad = true;
}

// What moving means depends on the page: a row, a seat, or a line.
void move(model& of, std::ptrdiff_t by) {
    if (of.shown == page::overview) {
        const auto rows = visible_rows(of);
        select(of, rows, moved(selected_index(of, rows), by, rows.size()));
        return;
    }
    const std::size_t height = body_of(of).rows;
    const std::size_t lines = lines_of_page(of);
    const row one = of.shown == page::detail ? selected_row(of) : row{};
    if (one.semaphore != nullptr && !one.semaphore->holders.empty() && (by == 1 || by == -1)) {
        const std::size_t before = selected_holder(of, *one.semaphore);
        const std::size_t after = moved(before, by, one.semaphore->holders.size());
        of.seat = one.semaphore->holders[after].seat;
        if (after != before) {
            of.scrolled = scrolled_to(of.scrolled, line_of_seat(of), height);
            return;
        }
    }
    of.scrolled = moved(of.scrolled, by, lines > height ? lines - height + 1 : 1);
}

void move_far(model& of, bool to_the_end) {
    const auto far = std::numeric_limits<std::ptrdiff_t>::max() / 4;
    move(of, to_the_end ? far : -far);
}

std::optional<action> about_selected(const model& of, action::verb what) {
    const row one = selected_row(of);
    if (one.semaphore == nullptr) return std::nullopt;
    action result;
    result.what = what;
    result.segment = one.sampled->name;
    result.segment_id = one.segment->id;
    result.semaphore = one.semaphore->name;
    result.ownerless = one.semaphore->kind == shmsem::kind::ownerless;
    return result;
}

void ask(model& of, const std::optional<action>& proposed) {
    if (!proposed) return say(of, "select a semaphore first");
    of.asking = {.asks = kind::confirm, .typed = {}, .before = {}, .choice = 0, .proposed = *proposed};
}

void ask_to_reap(model& of) {
    const row one = selected_row(of);
    if (one.segment == nullptr) return say(of, "select a segment that can be read first");
    action proposed;
    proposed.what = action::verb::reap;
    proposed.segment = one.sampled->name;
    proposed.segment_id = one.segment->id;
    ask(of, proposed);
}

void ask_to_end(model& of) {
    if (of.shown != page::detail)
        return say(of, "e ends the lease of a seat: press Enter on a semaphore, then select the seat");
    const row one = selected_row(of);
    if (one.semaphore == nullptr || one.semaphore->holders.empty()) return say(of, "nobody holds a permit");
    const holder_info& holder = one.semaphore->holders[selected_holder(of, *one.semaphore)];
    auto proposed = about_selected(of, action::verb::end);
    proposed->seat = holder.seat;
    proposed->token = holder.token;
    proposed->whose = holder.command + ' ' + std::to_string(holder.pid);
    ask(of, proposed);
}

void ask_for_size(model& of) {
    const auto proposed = about_selected(of, action::verb::resize);
    if (!proposed) return say(of, "select a semaphore first");
    if (proposed->ownerless) return say(of, "an ownerless semaphore has a count, and no permits to resize");
    of.asking = {.asks = kind::resize, .typed = {}, .before = {}, .choice = 0, .proposed = *proposed};
}

void ask_to_pause(model& of) {
    const row one = selected_row(of);
    const bool paused = one.semaphore != nullptr && one.semaphore->paused;
    ask(of, about_selected(of, paused ? action::verb::resume : action::verb::pause));
}

void sort_by(model& of, std::size_t column) {
    of.sort_by = column;
    keep_in_sight(of);
}

void type(model& of, const key& pressed) {
    std::string& typed = of.asking.typed;
    if (pressed.what == code::backspace) {
        // The last character, which may be of several bytes.
        while (!typed.empty() && (static_cast<unsigned char>(typed.back()) & 0xC0) == 0x80) typed.pop_back();
        if (!typed.empty()) typed.pop_back();
    } else if (pressed.what == code::character && typed.size() + pressed.text.size() <= 100) {
        typed += pressed.text;
    }
    if (of.asking.asks == kind::filter) {
        of.filter = typed;
        keep_in_sight(of);
    }
}

void accept_delay(model& of) {
    double seconds = 0;
    const std::string& typed = of.asking.typed;
    const auto [end, failed] = std::from_chars(typed.data(), typed.data() + typed.size(), seconds);
    if (failed != std::errc{} || end != typed.data() + typed.size() || !(seconds >= 0.1 && seconds <= 3600)) {
        return say(of, "the delay stays: give a number of seconds from 0.1 to 3600");
    }
    of.delay = std::chrono::milliseconds{std::llround(seconds * 1000)};
}

void accept_size(model& of) {
    action proposed = of.asking.proposed;
    const std::string& typed = of.asking.typed;
    const auto [end, failed] = std::from_chars(typed.data(), typed.data() + typed.size(), proposed.permits);
    if (failed != std::errc{} || end != typed.data() + typed.size() || proposed.permits < 1) {
        return say(of, "nothing was changed: give a whole number of permits, at least 1");
    }
    ask(of, proposed);
}

void answer(step& now, const key& pressed) {
    model& of = now.state;
    const kind asks = of.asking.asks;
    const dialog before = of.asking;
    if (pressed.what == code::escape) {
        of.asking = {};
        if (asks == kind::filter) of.filter = before.before;
        return keep_in_sight(of);
    }
    if (asks == kind::confirm) {
        if (pressed.what == code::character && (pressed.text == "y" || pressed.text == "Y")) {
            now.effects.push_back({effect::kind::act, before.proposed});
            of.asking = {};
        } else if (pressed.what == code::character && (pressed.text == "n" || pressed.text == "N" || pressed.text == "q")) {
            of.asking = {};
            of.status = "nothing was changed";
            of.status_is_bad = false;
        }
        return;
    }
    if (asks == kind::sort) {
        const std::size_t count = overview_columns().size();
        if (pressed.what == code::up || pressed.text == "k") of.asking.choice = moved(of.asking.choice, -1, count);
        if (pressed.what == code::down || pressed.text == "j") of.asking.choice = moved(of.asking.choice, 1, count);
        if (pressed.what == code::home) of.asking.choice = 0;
        if (pressed.what == code::end) of.asking.choice = count - 1;
        if (pressed.what != code::enter) return;
        of.asking = {};
        return sort_by(of, before.choice);
    }
    if (pressed.what != code::enter) return type(of, pressed);
    if (asks == kind::delay) accept_delay(of);
    if (asks == kind::resize) accept_size(of);
    if (of.asking.asks == asks) of.asking = {};
}

void click(model& of, const key& pressed) {
    if (of.shown != page::overview) return;
    const body area = body_of(of);
    if (pressed.row + 1 == area.first) {
        const auto widths = fitted_widths(overview_fields(), of.extent.columns);
        std::size_t column = 0;
        for (std::size_t i = 0; i < widths.size(); ++i) {
            if (widths[i] == 0) continue;
            if (pressed.column >= column && pressed.column <= column + widths[i]) return sort_by(of, i);
            column += widths[i] + 1;
        }
        return;
    }
    const auto rows = visible_rows(of);
    const std::size_t index = of.top + pressed.row - std::min(pressed.row, area.first);
    if (pressed.row >= area.first && pressed.row < area.first + area.rows && index < rows.size()) select(of, rows, index);
}

void open_detail(model& of) {
    const row one = selected_row(of);
    if (one.sampled == nullptr || (one.semaphore == nullptr && one.segment != nullptr)) {
        return say(of, "there is no more to see of this line");
    }
    of.selected = place_of(one);
    of.seat = 0;
    show(of, page::detail);
}

void leave(model& of) {
    if (of.shown == page::help) return show(of, of.before_help);
    if (of.shown != page::overview) return show(of, page::overview);
    of.status.clear();
    of.filter.clear();
    keep_in_sight(of);
}

void help(model& of) {
    if (of.shown == page::help) return;
    of.before_help = of.shown;
    show(of, page::help);
}

void typed_command(step& now, char letter) {
    model& of = now.state;
    const std::size_t columns = overview_columns().size();
    switch (letter) {
        case 'q': now.effects.push_back({effect::kind::quit, {}}); break;
        case 'k': move(of, -1); break;
        case 'j': move(of, 1); break;
        case 'g': move_far(of, false); break;
        case 'G': move_far(of, true); break;
        case '?':
        case 'h': help(of); break;
        case 'D': show(of, page::deadlocks); break;
        case '/':
            show(of, page::overview);
            of.asking = {.asks = kind::filter, .typed = of.filter, .before = of.filter, .choice = 0, .proposed = {}};
            break;
        case '<': sort_by(of, moved(of.sort_by, -1, columns)); break;
        case '>': sort_by(of, moved(of.sort_by, 1, columns)); break;
        case 's': of.asking = {.asks = kind::sort, .typed = {}, .before = {}, .choice = of.sort_by, .proposed = {}}; break;
        case 'I':
            of.inverted = !of.inverted;
            keep_in_sight(of);
            break;
        case 'a':
            of.all = !of.all;
            keep_in_sight(of);
            break;
        case ' ':
            of.frozen = !of.frozen;
            if (!of.frozen) now.effects.push_back({effect::kind::sample, {}});
            break;
        case 'd': of.asking = {.asks = kind::delay, .typed = {}, .before = {}, .choice = 0, .proposed = {}}; break;
        case 'r': ask_to_reap(of); break;
        case 'e': ask_to_end(of); break;
        case 'z': ask_for_size(of); break;
        case 'p': ask_to_pause(of); break;
        default: break;
    }
}

}  // namespace

step update(model state, const key& pressed) {
    step now{std::move(state), {}};
    model& of = now.state;
    if (of.asking.asks != kind::none) {
        answer(now, pressed);
        return now;
    }
    of.status.clear();
    const auto page_rows = static_cast<std::ptrdiff_t>(std::max<std::size_t>(body_of(of).rows, 3)) - 1;
    switch (pressed.what) {
        case code::character:
            if (pressed.text.size() == 1) typed_command(now, pressed.text[0]);
            break;
        case code::up: move(of, -1); break;
        case code::down: move(of, 1); break;
        case code::wheel_up: move(of, -3); break;
        case code::wheel_down: move(of, 3); break;
        case code::page_up: move(of, -page_rows); break;
        case code::page_down: move(of, page_rows); break;
        case code::home: move_far(of, false); break;
        case code::end: move_far(of, true); break;
        case code::enter:
            if (of.shown == page::overview) open_detail(of);
            break;
        case code::escape:
        case code::backspace: leave(of); break;
        case code::sort_menu: typed_command(now, 's'); break;
        case code::help: help(of); break;
        case code::click: click(of, pressed); break;
        case code::other: break;
    }
    return now;
}

model receive(model state, report::snapshot seen, history::time_point now) {
    state.past.add(seen, now);
    if (state.frozen) return state;
    state.seen = std::move(seen);
    keep_in_sight(state);
    return state;
}

model resized(model state, size extent) {
    state.extent = extent;
    keep_in_sight(state);
    return state;
}

std::string question_of(const action& proposed, report::charset terminal) {
    const std::string segment = printable(proposed.segment, terminal);
    const std::string where = printable(proposed.semaphore, terminal) + " in " + segment;
    switch (proposed.what) {
        case action::verb::reap:
            return "Take back every permit in " + segment + " whose holder is dead or whose lease has expired?";
        case action::verb::end:
            return "End the lease of " + printable(proposed.whose, terminal) + " on seat " + std::to_string(proposed.seat) +
                   " of " + where + "? It finds its lease lost, and the next in line gets the permit.";
        case action::verb::resize:
            return "Resize " + where + " to " +
                   report::count_of(static_cast<std::uint64_t>(proposed.permits), "permit", "permits") +
                   "? What is held beyond that closes when it is released.";
        case action::verb::pause:
            return "Pause granting of " + where + "? Nobody is given a permit until it is resumed; leases go on.";
        case action::verb::resume: return "Resume granting of " + where + "?";
    }
    return {};
}

}  // namespace shmsem::semtop
