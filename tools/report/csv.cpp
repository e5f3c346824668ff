#include "report/csv.hpp"

#include <array>
#include <chrono>
#include <cstdio>

#include "report/columns.hpp"
#include "report/words.hpp"

namespace shmsem::report {
namespace {

// What a line is about; what is not there leaves its cells empty.
struct subject {
    const snapshot& taken;
    const segment_sample& sampled;
    const segment_snapshot* segment;
    const semaphore_snapshot* semaphore;
    charset terminal;
};

struct csv_column {
    const char* title;
    std::string (*cell)(const subject& of);
};

std::string number(double value) {
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%.9g", value);
    return text.data();
}

std::string seconds(duration length) {
    return length == forever ? std::string{} : number(std::chrono::duration<double>(length).count());
}

std::string bound(const histogram& counts, double q) {
    const duration at_most = quantile(counts, q);
    return at_most == duration::zero() ? std::string{} : seconds(at_most);
}

template <auto Member>
std::string total(const subject& of) {
    return of.semaphore == nullptr ? std::string{} : std::to_string(of.semaphore->stats.*Member);
}

constexpr std::array columns_of_csv{
    csv_column{"taken",
               [](const subject& of) {
                   const auto since = of.taken.taken.time_since_epoch();
                   std::array<char, 40> text{};
                   const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
                   std::snprintf(text.data(), text.size(), "%lld.%03lld", static_cast<long long>(ms / 1000),
                                 static_cast<long long>(ms % 1000));
                   return std::string(text.data());
               }},
    csv_column{"segment", [](const subject& of) { return printable(of.sampled.name, of.terminal); }},
    csv_column{"error",
               [](const subject& of) {
                   const auto* why = std::get_if<failure>(&of.sampled.contents);
                   return why == nullptr ? std::string{} : printable(why->code, of.terminal);
               }},
    csv_column{"semaphore",
               [](const subject& of) {
                   return of.semaphore == nullptr ? std::string{} : printable(of.semaphore->name, of.terminal);
               }},
    csv_column{"kind", [](const subject& of) { return std::string(of.semaphore ? word(of.semaphore->kind) : ""); }},
    csv_column{"paused",
               [](const subject& of) {
                   return std::string(!of.semaphore ? "" : of.semaphore->paused ? "1" : "0");
               }},
    csv_column{"capacity", total<&semaphore_stats::capacity>},
    csv_column{"held", total<&semaphore_stats::acquired>},
    csv_column{"available", total<&semaphore_stats::available>},
    csv_column{"waiting", total<&semaphore_stats::waiting>},
    csv_column{"oldest_wait_seconds",
               [](const subject& of) {
                   return of.semaphore && !of.semaphore->waiters.empty() ? seconds(oldest_wait(*of.semaphore))
                                                                         : std::string{};
               }},
    csv_column{"acquired_total", total<&semaphore_stats::total_acquired>},
    csv_column{"released_total", total<&semaphore_stats::total_released>},
    csv_column{"queued_total", total<&semaphore_stats::total_queued>},
    csv_column{"granted_total", total<&semaphore_stats::total_granted>},
    csv_column{"expired_total", total<&semaphore_stats::total_expired>},
    csv_column{"reaped_total", total<&semaphore_stats::total_reaped>},
    csv_column{"ended_total", total<&semaphore_stats::total_ended>},
    csv_column{"timed_out_total", total<&semaphore_stats::total_timed_out>},
    csv_column{"cancelled_total", total<&semaphore_stats::total_cancelled>},
    csv_column{"inversions_total", total<&semaphore_stats::inversions>},
    csv_column{"recoveries_total", total<&semaphore_stats::recoveries>},
    csv_column{"wait_p50_seconds",
               [](const subject& of) { return of.semaphore ? bound(of.semaphore->stats.wait, 0.50) : std::string{}; }},
    csv_column{"wait_p99_seconds",
               [](const subject& of) { return of.semaphore ? bound(of.semaphore->stats.wait, 0.99) : std::string{}; }},
    csv_column{"hold_p50_seconds",
               [](const subject& of) { return of.semaphore ? bound(of.semaphore->stats.hold, 0.50) : std::string{}; }},
    csv_column{"hold_p99_seconds",
               [](const subject& of) { return of.semaphore ? bound(of.semaphore->stats.hold, 0.99) : std::string{}; }},
};

std::string quoted(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos && !text.starts_with(' ') && !text.ends_with(' ')) return text;
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"') result += '"';
        result += c;
    }
    return result + '"';
}

std::string line_of(const subject& of) {
    std::string line;
    for (const auto& column : columns_of_csv) line += quoted(column.cell(of)) + ',';
    line.back() = '\n';
    return line;
}

}  // namespace

std::string csv_header() {
    std::string line;
    for (const auto& column : columns_of_csv) line += std::string(column.title) + ',';
    line.back() = '\n';
    return line;
}

std::string csv_rows(const snapshot& what, charset terminal) {
    std::string text;
    for (const auto& sampled : what.segments) {
        const auto* segment = std::get_if<segment_snapshot>(&sampled.contents);
        if (segment == nullptr || segment->semaphores.empty()) {
            text += line_of({what, sampled, segment, nullptr, terminal});
            continue;
        }
        for (const auto& semaphore : segment->semaphores) text += line_of({what, sampled, segment, &semaphore, terminal});
    }
    return text;
}

}  // namespace shmsem::report
