#include "report/render.hpp"

#include <algorithm>
#include <vector>

#include "report/columns.hpp"
#include "report/format.hpp"
#include "report/paragraph.hpp"
#include "report/story.hpp"
#include "report/table.hpp"

namespace shmsem::report {
namespace {

std::string summary(const segment_sample& sampled, const segment_snapshot& segment, std::size_t idle, const view& how) {
    std::string text = "segment " + printable(sampled.name, how.terminal) + ": " +
                       count_of(segment.semaphores.size(), "semaphore", "semaphores");
    if (idle != 0) text += " (" + std::to_string(idle) + " idle" + (how.all ? ")" : ", not shown)");
    text += ", " + count_of(segment.processes.size(), "process", "processes") + ", " + human_bytes(segment.bytes) + ", up " +
            human(segment.age);
    if (sampled.reaped != 0) text += ", took back " + count_of(sampled.reaped, "permit", "permits");
    return text;
}

template <class Row>
std::string section(const std::string& title, const std::vector<column<Row>>& columns, const std::vector<Row>& rows,
                    const view& how, std::size_t width) {
    if (rows.empty()) return {};
    return '\n' + paragraph(title, width) + lay_out(make_table(columns, rows, how.terminal), width, how.terminal);
}

std::string render_segment(const segment_sample& sampled, const segment_snapshot& segment, const view& how,
                           std::size_t width) {
    std::size_t idle = 0;
    std::vector<semaphore_snapshot> shown;
    for (const auto& semaphore : segment.semaphores) {
        const bool idles = is_idle(semaphore);
        if (idles) ++idle;
        if (!idles || how.all) shown.push_back(semaphore);
    }
    std::string text = paragraph(summary(sampled, segment, idle, how), width);
    if (shown.empty()) return text;

    text += '\n' + lay_out(make_table(semaphore_columns(), shown, how.terminal), width, how.terminal);
    for (const auto& semaphore : shown) {
        const std::string name = printable(semaphore.name, how.terminal);
        text += section(name + ": holders by seat", holder_columns(), semaphore.holders, how, width);
        text += section(name + ": waiters in ticket order", waiter_columns(), semaphore.waiters, how, width);
    }
    return text;
}

std::string render_failure(const segment_sample& sampled, const failure& why, const view& how, std::size_t width) {
    return paragraph("segment " + printable(sampled.name, how.terminal) + ": cannot be read (" +
                         printable(why.code, how.terminal) + "): " + printable(why.message, how.terminal),
                     width);
}

}  // namespace

bool is_idle(const semaphore_snapshot& semaphore) noexcept {
    return !semaphore.paused && semaphore.stats.acquired == 0 && semaphore.stats.waiting == 0 && semaphore.holders.empty() &&
           semaphore.waiters.empty();
}

std::string render(const snapshot& what, const view& how, std::size_t width) {
    width = std::max<std::size_t>(width, 20);
    if (what.segments.empty()) return "no segments\n";
    std::string text;
    for (const auto& sampled : what.segments) {
        if (!text.empty()) text += '\n';
        if (const auto* segment = std::get_if<segment_snapshot>(&sampled.contents)) {
            text += render_segment(sampled, *segment, how, width);
        } else {
            text += render_failure(sampled, std::get<failure>(sampled.contents), how, width);
        }
    }
    for (const auto& one : what.deadlocks) {
        text += '\n';
        for (const auto& line : story_of(one, how.terminal)) text += paragraph(line, width);
    }
    return text;
}

}  // namespace shmsem::report
