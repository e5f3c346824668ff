#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "report/format.hpp"
#include "report/sample.hpp"
#include "report/table.hpp"
#include "report/user_name.hpp"
#include "semctl/commands.hpp"
#include "semctl/files.hpp"
#include "semctl/opening.hpp"
#include "shmsem/errors.hpp"

namespace shmsem::semctl {
namespace {

// For the completion of a shell, which puts it on a command line: a name that a terminal could not show as it is, is left out.
void print_name(const std::string& name, const console& out) {
    const std::string shown = report::printable(name, report::charset::utf8);
    const auto backslashes = std::count(name.begin(), name.end(), '\\');
    if (shown.size() == name.size() + static_cast<std::size_t>(backslashes)) out.print(name + '\n');
}

int names(const place& within, const console& out) {
    if (within.segment.empty()) {
        for (const auto& entry : segment::list()) print_name(entry.name, out);
        return exit_ok;
    }
    const place where{within.segment, {}};
    const segment home = at(where, [&] { return segment::open(within.segment, access::read_only); });
    if (within.semaphore.empty()) {
        for (const auto& semaphore : home.inspect().semaphores) print_name(semaphore.name, out);
    } else {
        for (const auto& holder : look_at(home, within).holders) out.print(std::to_string(holder.seat) + '\n');
    }
    return exit_ok;
}

std::string code_of(const std::error_code& error) {
    return error.category() == error_category() ? name_of(static_cast<errc>(error.value())) : "system_error";
}

int as_json(const std::vector<segment_entry>& entries, const console& out) {
    using nlohmann::ordered_json;
    ordered_json segments = ordered_json::array();
    for (const auto& entry : entries) {
        const auto file = file_of(entry.name);
        ordered_json one{{"name", entry.name},
                         {"bytes", entry.bytes},
                         {"uid", file.uid},
                         {"owner", report::user_name(file.uid)},
                         {"mode", mode_words(file.mode)},
                         {"attached", entry.attached},
                         {"error", nullptr}};
        if (entry.error) one["error"] = {{"code", code_of(entry.error)}, {"message", entry.error.message()}};
        segments.push_back(std::move(one));
    }
    const ordered_json all{{"format", 1}, {"segments", std::move(segments)}};
    out.print(all.dump(2, ' ', true, ordered_json::error_handler_t::replace) + '\n');
    return exit_ok;
}

}  // namespace

int run(const list_request& asked, const console& out) {
    if (asked.names_only) return names(asked.within, out);
    const auto entries = segment::list();
    if (asked.json) return as_json(entries, out);

    using report::align;
    report::table table{{{"SEGMENT", align::left, 0},
                         {"SIZE", align::right, 1},
                         {"OWNER", align::left, 1},
                         {"MODE", align::left, 2},
                         {"ATTACHED", align::right, 0},
                         {"CANNOT BE OPENED", align::left, 0}},
                        {}};
    for (const auto& entry : entries) {
        const auto file = file_of(entry.name);
        table.rows.push_back({out.text(entry.name), report::human_bytes(entry.bytes), out.text(report::user_name(file.uid)),
                              mode_words(file.mode), entry.error ? "" : std::to_string(entry.attached),
                              entry.error ? code_of(entry.error) : ""});
    }
    if (entries.empty()) {
        out.say("no segments");
    } else {
        out.print(report::lay_out(table, out.width, out.terminal));
    }
    return exit_ok;
}

}  // namespace shmsem::semctl
