#include "report/prometheus.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include "report/columns.hpp"
#include "report/tenants.hpp"
#include "report/words.hpp"

namespace shmsem::report {
namespace {

std::string number(double value) {
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%.15g", value);
    return text.data();
}
std::string number(std::uint64_t value) { return std::to_string(value); }
std::string seconds(duration length) { return number(std::chrono::duration<double>(length).count()); }

std::string escaped(const std::string& printable_text) {
    std::string result;
    for (const char c : printable_text) {
        if (c == '\\' || c == '"') result += '\\';
        result += c;
    }
    return result;
}

using labels = std::vector<std::pair<const char*, std::string>>;

// The samples of one family have to stay together, so the families go through all segments one after the other.
class exposition {
   public:
    explicit exposition(charset terminal) : terminal_(terminal) {}

    void family(std::string_view name, const char* type, const char* help) {
        name_ = name;
        text_ += "# HELP " + name_ + ' ' + help + '\n';
        text_ += "# TYPE " + name_ + ' ' + type + '\n';
    }
    void sample(const labels& with, const std::string& value) {
        text_ += name_;
        const char* before = "{";
        for (const auto& [label, text] : with) {
            text_ += before + std::string(label) + "=\"" + escaped(printable(text, terminal_)) + '"';
            before = ",";
        }
        text_ += (with.empty() ? " " : "} ") + value + '\n';
    }
    [[nodiscard]] std::string text() && { return std::move(text_); }

   private:
    charset terminal_;
    std::string name_;
    std::string text_;
};

template <class Each>
void for_each_segment(const snapshot& what, const Each& each) {
    for (const auto& sampled : what.segments) {
        if (const auto* segment = std::get_if<segment_snapshot>(&sampled.contents)) each(sampled, *segment);
    }
}

template <class Each>
void for_each_semaphore(const snapshot& what, const Each& each) {
    for_each_segment(what, [&](const segment_sample& sampled, const segment_snapshot& segment) {
        for (const auto& semaphore : segment.semaphores) {
            each(labels{{"segment", sampled.name}, {"semaphore", semaphore.name}}, semaphore);
        }
    });
}

// A family with one sample for each semaphore; an empty value: none of this one.
struct of_semaphore {
    const char* name;
    const char* type;
    const char* help;
    std::string (*value)(const semaphore_snapshot& semaphore);
};

template <auto Member>
std::string stat(const semaphore_snapshot& semaphore) {
    return std::to_string(semaphore.stats.*Member);
}

template <auto Member>
std::string stat_if_leased(const semaphore_snapshot& semaphore) {
    return semaphore.kind == kind::leased ? std::to_string(semaphore.stats.*Member) : std::string{};
}

constexpr std::array semaphore_families{
    of_semaphore{"shmsem_permits", "gauge", "Permits there are; of an ownerless semaphore the maximum of its count.",
                 stat<&semaphore_stats::capacity>},
    of_semaphore{"shmsem_held", "gauge", "Permits that are held.", stat_if_leased<&semaphore_stats::acquired>},
    of_semaphore{"shmsem_available", "gauge", "Permits that are free; of an ownerless semaphore its count.",
                 stat<&semaphore_stats::available>},
    of_semaphore{"shmsem_waiting", "gauge", "Calls that wait.", stat<&semaphore_stats::waiting>},
    of_semaphore{"shmsem_oldest_wait_seconds", "gauge", "How long the one that waits longest has waited; 0 if nobody does.",
                 [](const semaphore_snapshot& s) { return seconds(oldest_wait(s)); }},
    of_semaphore{"shmsem_paused", "gauge", "1 while granting is paused.",
                 [](const semaphore_snapshot& s) { return std::string(s.paused ? "1" : "0"); }},
    of_semaphore{"shmsem_acquired_total", "counter",
                 "Permits taken since creation; of an ownerless semaphore those that were waited for.",
                 stat<&semaphore_stats::total_acquired>},
    of_semaphore{"shmsem_released_total", "counter", "Permits given back by their holders.",
                 stat_if_leased<&semaphore_stats::total_released>},
    of_semaphore{"shmsem_queued_total", "counter", "Tickets handed out.", stat<&semaphore_stats::total_queued>},
    of_semaphore{"shmsem_granted_total", "counter", "Grants to waiters.", stat<&semaphore_stats::total_granted>},
    of_semaphore{"shmsem_expired_total", "counter", "Permits taken back because a ttl passed.",
                 stat<&semaphore_stats::total_expired>},
    of_semaphore{"shmsem_reaped_total", "counter", "Permits taken back because a holder died.",
                 stat<&semaphore_stats::total_reaped>},
    of_semaphore{"shmsem_ended_total", "counter", "Permits taken back because somebody ended the lease.",
                 stat<&semaphore_stats::total_ended>},
    of_semaphore{"shmsem_timed_out_total", "counter", "Waits that timed out.", stat<&semaphore_stats::total_timed_out>},
    of_semaphore{"shmsem_cancelled_total", "counter", "Waits that were cancelled.", stat<&semaphore_stats::total_cancelled>},
    of_semaphore{"shmsem_inversions_total", "counter", "Grants out of ticket order.", stat<&semaphore_stats::inversions>},
    of_semaphore{"shmsem_recoveries_total", "counter", "Times that a process died inside the critical section.",
                 stat<&semaphore_stats::recoveries>},
};

void segments(exposition& out, const snapshot& what) {
    out.family("shmsem_segment_readable", "gauge", "1 if the segment could be read; if not, its other samples are missing.");
    for (const auto& sampled : what.segments) {
        const auto* why = std::get_if<failure>(&sampled.contents);
        out.sample({{"segment", sampled.name}, {"error", why == nullptr ? std::string{} : why->code}},
                   why == nullptr ? "1" : "0");
    }
    out.family("shmsem_segment_bytes", "gauge", "Size of the mapping.");
    for_each_segment(what, [&](const segment_sample& sampled, const segment_snapshot& segment) {
        out.sample({{"segment", sampled.name}}, number(segment.bytes));
    });
    out.family("shmsem_segment_age_seconds", "gauge", "Time since the segment was created.");
    for_each_segment(what, [&](const segment_sample& sampled, const segment_snapshot& segment) {
        out.sample({{"segment", sampled.name}}, seconds(segment.age));
    });
    out.family("shmsem_segment_processes", "gauge", "Attached processes.");
    for_each_segment(what, [&](const segment_sample& sampled, const segment_snapshot& segment) {
        out.sample({{"segment", sampled.name}}, number(std::uint64_t{segment.processes.size()}));
    });
}

void durations(exposition& out, const snapshot& what, const std::string& name, const std::string& of_what,
               histogram semaphore_stats::*counts) {
    const std::string help = "How many " + of_what + " lasted at most `le` seconds.";
    out.family(name + "_bucket", "untyped", help.c_str());
    for_each_semaphore(what, [&](labels with, const semaphore_snapshot& semaphore) {
        with.emplace_back("le", "");
        std::uint64_t sum = 0;
        const histogram& buckets = semaphore.stats.*counts;
        for (std::size_t i = 0; i < buckets.size(); ++i) {
            sum += buckets[i];
            // The last bucket has no upper bound.
            with.back().second = i + 1 == buckets.size() ? "+Inf" : seconds(std::chrono::microseconds{std::int64_t{2} << i});
            out.sample(with, number(sum));
        }
    });
    const std::string count_help = "How many " + of_what + " were counted.";
    out.family(name + "_count", "untyped", count_help.c_str());
    for_each_semaphore(what, [&](const labels& with, const semaphore_snapshot& semaphore) {
        const histogram& buckets = semaphore.stats.*counts;
        out.sample(with, number(std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0})));
    });
}

void tenants(exposition& out, const snapshot& what, const char* name, const char* help, std::uint32_t tenant_use::*member) {
    out.family(name, "gauge", help);
    for_each_semaphore(what, [&](labels with, const semaphore_snapshot& semaphore) {
        with.emplace_back("tenant", "");
        for (const auto& tenant : tenants_of(semaphore)) {
            with.back().second = tenant.tenant;
            out.sample(with, number(std::uint64_t{tenant.*member}));
        }
    });
}

void deadlocks(exposition& out, const snapshot& what) {
    std::uint64_t members = 0;
    std::uint64_t blocked = 0;
    for (const auto& one : what.deadlocks) {
        members += one.members.size();
        blocked += one.blocked.size();
    }
    out.family("shmsem_deadlocks", "gauge", "Groups of threads that wait for each other.");
    out.sample({}, number(std::uint64_t{what.deadlocks.size()}));
    out.family("shmsem_deadlocked_threads", "gauge", "Threads in these groups, and threads that wait behind them.");
    out.sample({{"role", "member"}}, number(members));
    out.sample({{"role", "blocked"}}, number(blocked));
}

}  // namespace

std::string prometheus_text(const snapshot& what, charset terminal) {
    exposition out(terminal);
    segments(out, what);
    out.family("shmsem_info", "gauge", "What kind of semaphore it is; always 1.");
    for_each_semaphore(what, [&](labels with, const semaphore_snapshot& semaphore) {
        with.emplace_back("kind", word(semaphore.kind));
        with.emplace_back("order", word(semaphore.order));
        with.emplace_back("renewal", word(semaphore.renewal));
        out.sample(with, "1");
    });
    for (const auto& family : semaphore_families) {
        out.family(family.name, family.type, family.help);
        for_each_semaphore(what, [&](const labels& with, const semaphore_snapshot& semaphore) {
            if (const std::string value = family.value(semaphore); !value.empty()) out.sample(with, value);
        });
    }
    durations(out, what, "shmsem_wait_seconds", "waits that led to a grant", &semaphore_stats::wait);
    durations(out, what, "shmsem_hold_seconds", "holds", &semaphore_stats::hold);
    tenants(out, what, "shmsem_tenant_held", "Permits that a tenant holds.", &tenant_use::held);
    tenants(out, what, "shmsem_tenant_waiting", "Calls of a tenant that wait.", &tenant_use::waiting);
    deadlocks(out, what);
    return std::move(out).text();
}

}  // namespace shmsem::report
