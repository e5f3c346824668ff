#include "semtop/detail.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "report/charts.hpp"
#include "report/columns.hpp"
#include "report/format.hpp"
#include "report/tenants.hpp"
#include "report/words.hpp"
#include "semtop/fields.hpp"

namespace shmsem::semtop {
namespace {

using report::align;
using report::charset;
using report::human;
using report::printable;
using report::word;

constexpr std::size_t kWide = 140;
constexpr std::size_t kRight = 64;

// A table whose rows are made when they are shown.
template <class Row>
struct detail_column {
    field shape;
    std::string (*text)(const Row& of, std::size_t width, const model& in, const semtop::row& home);
    role (*look)(const Row& of);
};

std::string padded(const std::string& text, std::size_t width, align side, charset terminal) {
    const std::string clipped = report::clip(text, width, terminal);
    const std::string blanks(width - std::min(width, report::columns(clipped)), ' ');
    return side == align::left ? clipped + blanks : blanks + clipped;
}

template <class Row>
void add_table(document& to, const std::vector<detail_column<Row>>& columns, const std::vector<Row>& rows, std::size_t width,
               const model& of, const semtop::row& home, std::size_t selected) {
    std::vector<field> fields;
    for (const auto& column : columns) fields.push_back(column.shape);
    const auto widths = fitted_widths(fields, width);
    line headings;
    for (std::size_t i = 0; i < widths.size(); ++i) {
        if (widths[i] == 0) continue;
        headings.push_back({padded(fields[i].title, widths[i], fields[i].side, of.terminal) + ' ', role::heading});
    }
    to.add(headings);
    to.add(rows.size(), [&columns, &rows, &of, home, widths, selected](std::size_t index) {
        line made;
        for (std::size_t i = 0; i < widths.size(); ++i) {
            if (widths[i] == 0) continue;
            const auto& column = columns[i];
            made.push_back({padded(column.text(rows[index], widths[i], of, home), widths[i], column.shape.side, of.terminal),
                            index == selected ? role::selected : column.look(rows[index])});
            made.push_back({" ", index == selected ? role::selected : role::plain});
        }
        return made;
    });
}

const process_info* process_of(const segment_snapshot& home, std::uint32_t index, std::uint32_t pid) {
    const auto found = std::find_if(home.processes.begin(), home.processes.end(),
                                    [&](const process_info& one) { return one.index == index && one.pid == pid; });
    return found == home.processes.end() ? nullptr : &*found;
}

template <class Info>
std::string user_of(const Info& who, std::size_t, const model& in, const semtop::row& home) {
    const process_info* process = process_of(*home.segment, who.process, who.pid);
    if (process == nullptr) return {};
    const auto name = in.users.find(process->uid);
    return name == in.users.end() ? std::to_string(process->uid) : printable(name->second, in.terminal);
}

std::string ttl_left(const holder_info& h, std::size_t width, const model& in, const semtop::row& home) {
    if (h.ttl_left == forever) return "no ttl";
    const std::string left = h.ttl_left == duration::zero() ? "expired" : human(h.ttl_left);
    constexpr std::size_t for_words = 7;
    const std::size_t around = for_words + 1 + (in.terminal == charset::ascii ? 2 : 0);
    if (width < around + 3) return left;
    const auto whole = std::max(h.ttl_left, std::min(home.semaphore->ttl, home.semaphore->max_hold));
    const std::string bar = report::bar(static_cast<std::uint64_t>(h.ttl_left.count()),
                                        static_cast<std::uint64_t>(whole.count()), width - around, in.terminal);
    return bar + ' ' + left;
}

role by_life(const holder_info& h) {
    if (h.life == "dead" || h.ttl_left == duration::zero()) return role::alarm;
    return h.life == "unknown" || h.state != "held" ? role::warning : role::plain;
}

const std::vector<detail_column<holder_info>>& seat_columns() {
    using row = holder_info;
    using R = const row&;
    using S = std::size_t;
    using M = const model&;
    using H = const semtop::row&;
    static const std::vector<detail_column<row>> columns{
        {{"SEAT", align::right, 4, 4, 0}, [](R h, S, M, H) { return std::to_string(h.seat); }, by_life},
        {{"PID", align::right, 7, 7, 0}, [](R h, S, M, H) { return std::to_string(h.pid); }, by_life},
        {{"COMMAND", align::left, 8, 15, 0}, [](R h, S, M in, H) { return printable(h.command, in.terminal); }, by_life},
        {{"USER", align::left, 6, 12, 3}, user_of<row>, by_life},
        {{"TENANT", align::left, 7, 20, 2}, [](R h, S, M in, H) { return printable(h.tenant, in.terminal); }, by_life},
        {{"LABEL", align::left, 7, 23, 3}, [](R h, S, M in, H) { return printable(h.label, in.terminal); }, by_life},
        {{"HELD", align::right, 6, 6, 0}, [](R h, S, M, H) { return human(h.held); }, by_life},
        {{"TTL LEFT", align::left, 12, 24, 1}, ttl_left, by_life},
        {{"STATE", align::left, 7, 17, 2},
         [](R h, S, M in, H) {
             return h.life == "alive" ? printable(h.state, in.terminal) : printable(h.life, in.terminal);
         },
         by_life},
        {{"TOKEN", align::right, 6, 20, 4}, [](R h, S, M, H) { return std::to_string(h.token); }, by_life},
    };
    return columns;
}

const std::vector<detail_column<waiter_info>>& queue_columns() {
    using row = waiter_info;
    using R = const row&;
    using S = std::size_t;
    using M = const model&;
    using H = const semtop::row&;
    constexpr auto plain = [](R) { return role::plain; };
    static const std::vector<detail_column<row>> columns{
        {{"TICKET", align::right, 8, 8, 0}, [](R w, S, M, H) { return std::to_string(w.ticket); }, plain},
        {{"PID", align::right, 7, 7, 0}, [](R w, S, M, H) { return std::to_string(w.pid); }, plain},
        {{"COMMAND", align::left, 8, 15, 0}, [](R w, S, M in, H) { return printable(w.command, in.terminal); }, plain},
        {{"USER", align::left, 6, 12, 2}, user_of<row>, plain},
        {{"TENANT", align::left, 7, 20, 1}, [](R w, S, M in, H) { return printable(w.tenant, in.terminal); }, plain},
        {{"LABEL", align::left, 7, 23, 2}, [](R w, S, M in, H) { return printable(w.label, in.terminal); }, plain},
        {{"PERMITS", align::right, 7, 7, 1}, [](R w, S, M, H) { return std::to_string(w.permits); }, plain},
        {{"WAITED", align::right, 6, 6, 0}, [](R w, S, M, H) { return human(w.waited); }, plain},
    };
    return columns;
}

void title(document& to, const std::string& text) {
    if (to.lines() != 0) to.add(line{});
    to.add(line{{text, role::title}});
}

void add_head(document& to, const semtop::row& one, std::size_t width) {
    const semaphore_snapshot& s = *one.semaphore;
    line first;
    if (s.kind == kind::leased) {
        std::string terms = std::string(word(s.order)) + (s.ttl == forever ? ", no ttl" : ", ttl " + human(s.ttl));
        if (s.ttl != forever) terms += s.renewal == renewal::automatic ? " renewed automatically" : " renewed by hand";
        if (s.max_hold != forever) terms += ", held " + human(s.max_hold) + " at most";
        first = {{std::to_string(s.stats.acquired) + '/' + std::to_string(s.stats.capacity) + " held, " +
                      std::to_string(s.stats.waiting) + " waiting  ",
                  role::plain},
                 {"leased, " + terms, role::dim}};
    } else {
        first = {{"count " + std::to_string(s.stats.available) + ", " + std::to_string(s.stats.waiting) + " waiting  ",
                  role::plain},
                 {"ownerless, at most " + std::to_string(s.stats.capacity), role::dim}};
    }
    if (s.paused) first.insert(first.begin(), {"GRANTING IS PAUSED  ", role::warning});
    to.add(first);
    line totals;
    std::size_t column = 0;
    const auto total = [&](const char* name, std::uint64_t value, role look) {
        if (value == 0) return;
        const std::string text = std::string(name) + ' ' + std::to_string(value);
        if (column != 0 && column + text.size() > width) {
            to.add(std::exchange(totals, {}));
            column = 0;
        }
        totals.push_back({text + "  ", look});
        column += text.size() + 2;
    };
    total("acquired", s.stats.total_acquired, role::plain);
    total("released", s.stats.total_released, role::plain);
    total("granted", s.stats.total_granted, role::plain);
    total("reaped", s.stats.total_reaped, role::warning);
    total("expired", s.stats.total_expired, role::warning);
    total("ended", s.stats.total_ended, role::warning);
    total("timed out", s.stats.total_timed_out, role::plain);
    total("cancelled", s.stats.total_cancelled, role::plain);
    total("inversions", s.stats.inversions, role::alarm);
    total("recoveries", s.stats.recoveries, role::warning);
    if (!totals.empty()) to.add(totals);
}

void add_tenants(document& to, const model& of, const semaphore_snapshot& semaphore) {
    const auto tenants = report::tenants_of(semaphore);
    const bool named = std::any_of(tenants.begin(), tenants.end(), [](const auto& one) { return !one.tenant.empty(); });
    if (!named) return;
    title(to, "Tenants");
    to.add(line{{"TENANT                HELD  WAIT  OLDEST", role::heading}});
    for (const auto& one : tenants) {
        const std::string name = one.tenant.empty() ? "(none)" : printable(one.tenant, of.terminal);
        to.add(line{{padded(name, 20, align::left, of.terminal) +
                     padded(std::to_string(one.held), 6, align::right, of.terminal) +
                     padded(std::to_string(one.waiting), 6, align::right, of.terminal) +
                     padded(one.waiting == 0 ? "" : human(one.oldest_wait), 8, align::right, of.terminal)}});
    }
}

void add_histogram(document& to, const std::string& name, const histogram& counts, std::size_t width, charset terminal) {
    const auto bars = report::histogram_bars(counts, std::min<std::size_t>(width, 60), terminal);
    if (bars.empty()) return;
    title(to, name);
    for (const auto& bar : bars) to.add(line{{bar, role::calm}});
}

role look_of(event_kind kind) {
    switch (kind) {
        case event_kind::expired:
        case event_kind::reaped:
        case event_kind::ended:
        case event_kind::timed_out:
        case event_kind::paused: return role::warning;
        case event_kind::died:
        case event_kind::recovered: return role::alarm;
        default: return role::plain;
    }
}

std::string seats_of(const event_info& event) {
    const std::string seat = "seat " + std::to_string(event.seat);
    return event.permits > 1 ? std::to_string(event.permits) + " permits from " + seat : seat;
}

line event_line(const event_info& event, const model& of, const segment_snapshot& home) {
    std::string what = word(event.kind);
    std::replace(what.begin(), what.end(), '_', ' ');
    std::string text;
    const process_info* process = process_of(home, event.process, event.pid);
    const std::string who = (process == nullptr ? std::string("process") : printable(process->command, of.terminal)) + ' ' +
                            std::to_string(event.pid);
    switch (event.kind) {
        case event_kind::resized: text = "to " + report::count_of(event.permits, "permit", "permits"); break;
        case event_kind::paused:
        case event_kind::resumed: text = "by " + who; break;
        case event_kind::died: text = who; break;
        case event_kind::recovered: text = "a process died in the queue's lock"; break;
        case event_kind::timed_out:
        case event_kind::cancelled:
            text = who + " after " + human(event.lasted) + ", ticket " + std::to_string(event.token);
            break;
        case event_kind::granted: text = who + " after " + human(event.lasted) + ", " + seats_of(event); break;
        default: text = who + ", " + seats_of(event) + ", token " + std::to_string(event.token);
    }
    return {{padded(human(event.ago), 7, align::right, of.terminal) + " ago  ", role::dim},
            {padded(what, 10, align::left, of.terminal), look_of(event.kind)},
            {text}};
}

void add_events(document& to, const model& of, const segment_snapshot& home, const std::string& semaphore) {
    std::vector<const event_info*> shown;
    for (auto at = home.events.rbegin(); at != home.events.rend(); ++at) {
        if (at->semaphore.empty() || at->semaphore == semaphore) shown.push_back(&*at);
    }
    if (shown.empty()) return;
    title(to, "Lately");
    to.add(shown.size(), [shown, &of, &home](std::size_t index) { return event_line(*shown[index], of, home); });
}

}  // namespace

std::size_t selected_holder(const model& of, const semaphore_snapshot& semaphore) {
    const auto& holders = semaphore.holders;
    const auto found = std::lower_bound(holders.begin(), holders.end(), of.seat,
                                        [](const holder_info& one, std::uint32_t seat) { return one.seat < seat; });
    if (found == holders.end() && !holders.empty()) return holders.size() - 1;
    return static_cast<std::size_t>(found - holders.begin());
}

detail detail_of(const model& of, const row& one) {
    detail result;
    const bool wide = of.extent.columns >= kWide;
    result.width_of_left = wide ? of.extent.columns - kRight - 2 : of.extent.columns;
    const std::size_t beside = wide ? kRight : of.extent.columns;
    const semaphore_snapshot& semaphore = *one.semaphore;
    add_head(result.left, one, result.width_of_left);
    if (semaphore.kind == kind::leased) {
        title(result.left, "Seats");
        const std::size_t selected = selected_holder(of, semaphore);
        result.line_of_seat = semaphore.holders.empty() ? 0 : result.left.lines() + 1 + selected;
        if (semaphore.holders.empty()) {
            result.left.add(line{{"nobody holds a permit", role::dim}});
        } else {
            add_table(result.left, seat_columns(), semaphore.holders, result.width_of_left, of, one, selected);
        }
    }
    title(result.left, "Queue");
    if (semaphore.waiters.empty()) {
        result.left.add(line{{"nobody waits", role::dim}});
    } else {
        add_table(result.left, queue_columns(), semaphore.waiters, result.width_of_left, of, one, semaphore.waiters.size());
    }
    document& rest = wide ? result.right : result.left;
    add_tenants(rest, of, semaphore);
    add_histogram(rest, "Waits lasted", semaphore.stats.wait, beside, of.terminal);
    add_histogram(rest, "Permits were held", semaphore.stats.hold, beside, of.terminal);
    add_events(rest, of, *one.segment, semaphore.name);
    return result;
}

}  // namespace shmsem::semtop
