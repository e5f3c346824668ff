#include <nlohmann/json.hpp>

#include "report/format.hpp"
#include "semctl/commands.hpp"
#include "semctl/diagnosis.hpp"
#include "semctl/gather.hpp"

namespace shmsem::semctl {
namespace {

using report::count_of;

std::string words_of_finding(const finding& each, const console& out) {
    const std::string about = each.where.segment.empty() ? "this host" : out.words(each.where);
    return std::string(word(each.how_bad)) + ": " + about + ": " + out.text(each.what) +
           "\n    do: " + out.text(each.remedy) + '\n';
}

std::string summary(const facts& seen, const findings& found) {
    std::size_t counts[3] = {};
    for (const finding& each : found) ++counts[static_cast<std::size_t>(each.how_bad)];
    const std::string looked = "looked at this host and " + count_of(seen.segments.size(), "segment", "segments") + ": ";
    const std::string notes = counts[0] == 0 ? "" : ", " + count_of(counts[0], "note", "notes");
    if (counts[1] + counts[2] == 0) return looked + "nothing is wrong" + notes + '\n';
    return looked + count_of(counts[2], "problem", "problems") + ", " + count_of(counts[1], "warning", "warnings") + notes +
           '\n';
}

void print_fine(const findings& found, const console& out) {
    for (const auto* checks : {&host_checks(), &segment_checks(), &semaphore_checks()}) {
        for (const check& each : *checks) {
            bool fine = true;
            for (const finding& one : found) fine = fine && std::string_view(one.check) != each.name;
            if (fine) out.print("fine: " + std::string(each.fine) + '\n');
        }
    }
}

void print_json(const facts& seen, const findings& found, const console& out) {
    using nlohmann::ordered_json;
    ordered_json list = ordered_json::array();
    for (const finding& each : found) {
        const auto name = [](const std::string& text) { return text.empty() ? ordered_json(nullptr) : ordered_json(text); };
        list.push_back({{"severity", word(each.how_bad)},
                        {"check", each.check},
                        {"segment", name(each.where.segment)},
                        {"semaphore", name(each.where.semaphore)},
                        {"what", each.what},
                        {"remedy", each.remedy}});
    }
    ordered_json looked = ordered_json::array();
    for (const auto& segment : seen.segments) looked.push_back(segment.name);
    const ordered_json all{
        {"format", 1}, {"well", !anything_wrong(found)}, {"segments", std::move(looked)}, {"findings", std::move(list)}};
    out.print(all.dump(2, ' ', true, ordered_json::error_handler_t::replace) + '\n');
}

}  // namespace

int run(const doctor_request& asked, const console& out) {
    const facts seen = gather(asked.segments);
    const findings found = diagnose(seen);
    const int status = anything_wrong(found) ? exit_unwell : exit_ok;
    if (asked.json) {
        print_json(seen, found, out);
    } else if (!out.quiet) {
        for (const finding& each : found) out.print(words_of_finding(each, out));
        if (asked.verbose) print_fine(found, out);
        out.print(summary(seen, found));
    }
    return status;
}

}  // namespace shmsem::semctl
