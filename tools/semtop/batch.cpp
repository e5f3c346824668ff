#include "semtop/batch.hpp"

#include <chrono>
#include <iostream>
#include <thread>

#include "report/csv.hpp"
#include "report/json.hpp"
#include "report/output.hpp"
#include "report/prometheus.hpp"
#include "report/render.hpp"
#include "report/sample.hpp"
#include "semtop/overview_columns.hpp"

namespace shmsem::semtop {
namespace {

using report::charset;

// Rates and trends need several samples: by these the order is that of the sample.
void sort_semaphores(report::snapshot& seen, std::size_t column) {
    const history none;
    for (auto& sampled : seen.segments) {
        auto* segment = std::get_if<segment_snapshot>(&sampled.contents);
        if (segment == nullptr) continue;
        std::vector<row> rows;
        for (const auto& semaphore : segment->semaphores) rows.push_back({&sampled, segment, &semaphore, &none});
        sort_rows(rows, column, false);
        std::vector<semaphore_snapshot> sorted;
        for (const row& one : rows) sorted.push_back(*one.semaphore);
        segment->semaphores = std::move(sorted);
    }
}

std::string text_of(const report::snapshot& seen, const options& asked, charset terminal, bool first) {
    // Files are read elsewhere: what they say does not depend on the locale here.
    const charset in_files = asked.ascii ? charset::ascii : charset::utf8;
    switch (asked.output) {
        case format::json: return asked.watch ? json_line(seen) : json_text(seen);
        case format::csv: return (first ? report::csv_header() : std::string{}) + csv_rows(seen, in_files);
        case format::prometheus: return (first ? "" : "\n") + prometheus_text(seen, in_files);
        case format::table:
        case format::automatic: break;
    }
    return (first ? "" : "\n") + render(seen, {.all = asked.all, .terminal = terminal}, report::width_of_output());
}

}  // namespace

int run_batch(const options& asked, charset terminal) {
    bool all_read = true;
    auto next = std::chrono::steady_clock::now();
    for (bool first = true;; first = false) {
        report::snapshot seen =
            report::sample(asked.segments, asked.reap ? report::sampling::reap_first : report::sampling::look);
        all_read = all_read && complete(seen);
        keep_passing(seen, asked.filter);
        if (asked.sort_given) sort_semaphores(seen, asked.sort_by);
        std::cout << text_of(seen, asked, terminal, first);
        std::cout.flush();
        if (!std::cout) {
            std::cerr << "semtop: cannot write the output; see whether the disk is full, or the reader has gone\n";
            return exit_unreadable;
        }
        if (!asked.watch) return all_read ? exit_ok : exit_unreadable;
        next = std::max(next + *asked.watch, std::chrono::steady_clock::now());
        std::this_thread::sleep_until(next);
    }
}

}  // namespace shmsem::semtop
