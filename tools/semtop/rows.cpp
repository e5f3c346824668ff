#include "semtop/rows.hpp"

#include <algorithm>
#include <cctype>

#include "report/render.hpp"
#include "semtop/overview_columns.hpp"

namespace shmsem::semtop {
namespace {

std::string lower(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

}  // namespace

place place_of(const row& of) {
    return {of.sampled == nullptr ? std::string{} : of.sampled->name,
            of.semaphore == nullptr ? std::string{} : of.semaphore->name};
}

bool passes(const std::string& filter, const std::string& segment, const std::string& semaphore) {
    return filter.empty() || lower(segment + '/' + semaphore).find(lower(filter)) != std::string::npos;
}

void keep_passing(report::snapshot& seen, const std::string& filter) {
    if (filter.empty()) return;
    std::erase_if(seen.segments, [&](report::segment_sample& sampled) {
        auto* segment = std::get_if<segment_snapshot>(&sampled.contents);
        if (segment == nullptr) return false;
        std::erase_if(segment->semaphores,
                      [&](const semaphore_snapshot& one) { return !passes(filter, sampled.name, one.name); });
        return segment->semaphores.empty() && !passes(filter, sampled.name, {});
    });
}

std::vector<row> visible_rows(const model& of) {
    std::vector<row> rows;
    for (const auto& sampled : of.seen.segments) {
        const auto* segment = std::get_if<segment_snapshot>(&sampled.contents);
        const std::size_t before = rows.size();
        if (segment != nullptr) {
            for (const auto& semaphore : segment->semaphores) {
                if (!of.all && report::is_idle(semaphore)) continue;
                if (!passes(of.filter, sampled.name, semaphore.name)) continue;
                rows.push_back({&sampled, segment, &semaphore, &of.past});
            }
        }
        // What cannot be read may well hold what is looked for.
        const bool shown = segment == nullptr || passes(of.filter, sampled.name, {});
        if (rows.size() == before && shown) rows.push_back({&sampled, segment, nullptr, &of.past});
    }
    sort_rows(rows, of.sort_by, of.inverted);
    return rows;
}

std::size_t selected_index(const model& of, const std::vector<row>& rows) {
    if (!of.selected || rows.empty()) return 0;
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const row& one) { return place_of(one) == *of.selected; });
    return found == rows.end() ? std::min(of.selected_at, rows.size() - 1) : static_cast<std::size_t>(found - rows.begin());
}

row selected_row(const model& of) {
    if (!of.selected) {
        const auto rows = visible_rows(of);
        return rows.empty() ? row{} : rows.front();
    }
    for (const auto& sampled : of.seen.segments) {
        if (sampled.name != of.selected->segment) continue;
        const auto* segment = std::get_if<segment_snapshot>(&sampled.contents);
        if (of.selected->semaphore.empty()) return {&sampled, segment, nullptr, &of.past};
        if (segment == nullptr) continue;
        for (const auto& semaphore : segment->semaphores) {
            if (semaphore.name == of.selected->semaphore) return {&sampled, segment, &semaphore, &of.past};
        }
    }
    return {};
}

}  // namespace shmsem::semtop
