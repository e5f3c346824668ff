#include "semtop/overview_columns.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "report/charts.hpp"
#include "report/columns.hpp"
#include "report/format.hpp"

namespace shmsem::semtop {
namespace {

using report::align;
using report::charset;

const semaphore_stats& stats(const row& of) { return of.semaphore->stats; }
bool is_leased(const row& of) { return of.semaphore->kind == kind::leased; }

// Where there is little room it is the semaphore that is told apart by its name: the segment may be the same in all rows.
std::string name(const row& of, std::size_t width, charset terminal) {
    const std::string segment = printable(of.sampled->name, terminal);
    if (of.semaphore == nullptr) return segment;
    const std::string semaphore = printable(of.semaphore->name, terminal);
    const std::size_t needs = report::columns(semaphore) + 1;
    const std::size_t left = std::max(width / 3, width > needs ? width - needs : 0);
    return report::clip(segment, left, terminal) + '/' + semaphore;
}

std::string use(const row& of, std::size_t width, charset terminal) {
    if (!is_leased(of)) return {};
    return report::bar(stats(of).acquired, stats(of).capacity, width - (terminal == charset::ascii ? 2 : 0), terminal);
}

std::string held(const row& of, std::size_t, charset) {
    if (!is_leased(of)) return "count " + std::to_string(stats(of).available);
    return std::to_string(stats(of).acquired) + '/' + std::to_string(stats(of).capacity);
}

std::string rate(const std::optional<rates>& speed, double rates::*member) {
    if (!speed) return {};
    const double value = (*speed).*member;
    std::array<char, 32> text{};
    if (value == 0) return "0";
    if (value < 10) {
        std::snprintf(text.data(), text.size(), "%.1f", value);
    } else if (value < 100'000) {
        std::snprintf(text.data(), text.size(), "%.0f", value);
    } else if (value < 10'000'000) {
        std::snprintf(text.data(), text.size(), "%.0fk", value / 1'000);
    } else {
        std::snprintf(text.data(), text.size(), "%.0fM", value / 1'000'000);
    }
    return text.data();
}

std::optional<rates> speed(const row& of) { return of.past->rates_of(of.segment->id, of.semaphore->name); }

template <auto Member>
std::string counter(const row& of, std::size_t, charset) {
    return std::to_string(stats(of).*Member);
}
template <auto Member>
double by_counter(const row& of) {
    return static_cast<double>(stats(of).*Member);
}
template <auto Histogram, int Percent>
double by_quantile(const row& of) {
    return static_cast<double>(quantile(stats(of).*Histogram, Percent / 100.0).count());
}
// Buckets are powers of two, so all that is known of a quantile is a bound.
template <auto Histogram, int Percent>
std::string bound(const row& of, std::size_t, charset) {
    const duration at_most = quantile(stats(of).*Histogram, Percent / 100.0);
    return at_most == duration::zero() ? std::string{} : '<' + report::human(at_most);
}

role plain(const row&) { return role::plain; }
role quiet_if_zero(std::uint64_t value, role otherwise) { return value == 0 ? role::dim : otherwise; }
role by_use(const row& of) {
    const semaphore_stats& s = stats(of);
    if (s.acquired >= s.capacity) return role::full;
    return s.percent >= 70 ? role::busy : role::calm;
}
// In the order of the declaration in inspect.hpp: what is not the usual end of a lease.
template <auto Member>
role unusual(const row& of) {
    return quiet_if_zero(stats(of).*Member, role::warning);
}

}  // namespace

const std::vector<overview_column>& overview_columns() {
    static const std::vector<overview_column> columns{
        {"name", {"NAME", align::left, 12, 32, 0}, nullptr, name, plain},
        {"use",
         {"USE", align::left, 12, 22, 1},
         [](const row& of) { return is_leased(of) ? stats(of).percent : -1; },
         use,
         by_use},
        {"held",
         {"HELD", align::left, 9, 9, 0},
         by_counter<&semaphore_stats::acquired>,
         held,
         [](const row& of) { return of.semaphore->paused ? role::warning : role::plain; }},
        {"waiting",
         {"WAIT", align::right, 5, 5, 0},
         by_counter<&semaphore_stats::waiting>,
         counter<&semaphore_stats::waiting>,
         [](const row& of) { return quiet_if_zero(stats(of).waiting, role::plain); }},
        {"oldest",
         {"OLDEST", align::right, 6, 6, 0},
         [](const row& of) { return static_cast<double>(report::oldest_wait(*of.semaphore).count()); },
         [](const row& of, std::size_t, charset) {
             return of.semaphore->waiters.empty() ? std::string{} : report::human(report::oldest_wait(*of.semaphore));
         },
         plain},
        {"acquires",
         {"ACQ/S", align::right, 6, 6, 2},
         [](const row& of) { return speed(of).value_or(rates{}).acquired; },
         [](const row& of, std::size_t, charset) { return rate(speed(of), &rates::acquired); },
         plain},
        {"releases",
         {"REL/S", align::right, 6, 6, 2},
         [](const row& of) { return speed(of).value_or(rates{}).released; },
         [](const row& of, std::size_t, charset) { return is_leased(of) ? rate(speed(of), &rates::released) : ""; },
         plain},
        {"reaped",
         {"REAPED", align::right, 6, 6, 3},
         by_counter<&semaphore_stats::total_reaped>,
         counter<&semaphore_stats::total_reaped>,
         unusual<&semaphore_stats::total_reaped>},
        {"expired",
         {"EXPIRED", align::right, 7, 7, 3},
         by_counter<&semaphore_stats::total_expired>,
         counter<&semaphore_stats::total_expired>,
         unusual<&semaphore_stats::total_expired>},
        {"wait-p50",
         {"WAIT50", align::right, 6, 6, 4},
         by_quantile<&semaphore_stats::wait, 50>,
         bound<&semaphore_stats::wait, 50>,
         plain},
        {"wait-p99",
         {"WAIT99", align::right, 6, 6, 4},
         by_quantile<&semaphore_stats::wait, 99>,
         bound<&semaphore_stats::wait, 99>,
         plain},
        {"hold-p50",
         {"HOLD50", align::right, 6, 6, 4},
         by_quantile<&semaphore_stats::hold, 50>,
         bound<&semaphore_stats::hold, 50>,
         plain},
        {"hold-p99",
         {"HOLD99", align::right, 6, 6, 4},
         by_quantile<&semaphore_stats::hold, 99>,
         bound<&semaphore_stats::hold, 99>,
         plain},
        {"ended",
         {"ENDED", align::right, 5, 5, 5},
         by_counter<&semaphore_stats::total_ended>,
         counter<&semaphore_stats::total_ended>,
         unusual<&semaphore_stats::total_ended>},
        {"trend",
         {"LAST MINUTES", align::left, 12, history::slots, 2},
         [](const row& of) { return is_leased(of) ? stats(of).percent : -1; },
         [](const row& of, std::size_t width, charset terminal) {
             return report::sparkline(of.past->use_of(of.segment->id, of.semaphore->name, width), terminal);
         },
         [](const row&) { return role::calm; }},
    };
    return columns;
}

std::optional<std::size_t> column_named(std::string_view id) {
    const auto& all = overview_columns();
    const auto found = std::find_if(all.begin(), all.end(), [&](const overview_column& one) { return one.id == id; });
    if (found == all.end()) return std::nullopt;
    return static_cast<std::size_t>(found - all.begin());
}

void sort_rows(std::vector<row>& rows, std::size_t column, bool inverted) {
    struct keyed {
        row of;
        int class_of;  // 0: cannot be read; 1: a semaphore; 2: a segment of which nothing is shown
        double order;
    };
    const auto by = overview_columns()[column].order;
    std::vector<keyed> all;
    all.reserve(rows.size());
    for (const row& one : rows) {
        const int class_of = one.segment == nullptr ? 0 : one.semaphore != nullptr ? 1 : 2;
        all.push_back({one, class_of, by != nullptr && one.semaphore != nullptr ? by(one) : 0});
    }
    std::stable_sort(all.begin(), all.end(), [&](const keyed& a, const keyed& b) {
        if (a.class_of != b.class_of) return a.class_of < b.class_of;
        if (a.order != b.order) return inverted ? a.order < b.order : a.order > b.order;
        int names = a.of.sampled->name.compare(b.of.sampled->name);
        if (names == 0 && a.of.semaphore != nullptr) names = a.of.semaphore->name.compare(b.of.semaphore->name);
        return by == nullptr && inverted ? names > 0 : names < 0;
    });
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = all[i].of;
}

const std::vector<field>& overview_fields() {
    static const std::vector<field> fields = [] {
        std::vector<field> result;
        for (const auto& one : overview_columns()) result.push_back(one.shape);
        return result;
    }();
    return fields;
}

}  // namespace shmsem::semtop
