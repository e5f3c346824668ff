#include "report/columns.hpp"

#include <algorithm>

#include "report/format.hpp"
#include "report/words.hpp"

namespace shmsem::report {
namespace {

constexpr std::size_t kBar = 10;

std::string number(std::uint64_t value) { return std::to_string(value); }
std::string unless_zero(std::uint64_t value) { return value == 0 ? std::string{} : std::to_string(value); }

std::string use(const semaphore_snapshot& s, charset terminal) {
    return s.kind == kind::ownerless ? std::string{} : bar(s.stats.acquired, s.stats.capacity, kBar, terminal);
}

std::string held(const semaphore_snapshot& s, charset) {
    if (s.kind == kind::ownerless) return "count " + std::to_string(s.stats.available);
    return std::to_string(s.stats.acquired) + '/' + std::to_string(s.stats.capacity);
}

// Buckets are powers of two, so all that is known of a quantile is a bound.
std::string bound(const histogram& counts, double q) {
    const duration at_most = quantile(counts, q);
    return at_most == duration::zero() ? std::string{} : '<' + human(at_most);
}

std::string ttl_left(const holder_info& h) {
    if (h.ttl_left == forever) return "no ttl";
    return h.ttl_left == duration::zero() ? "expired" : human(h.ttl_left);
}

}  // namespace

duration oldest_wait(const semaphore_snapshot& semaphore) noexcept {
    duration oldest{};
    for (const auto& waiter : semaphore.waiters) oldest = std::max(oldest, waiter.waited);
    return oldest;
}

const std::vector<column<semaphore_snapshot>>& semaphore_columns() {
    using row = semaphore_snapshot;
    static const std::vector<column<row>> columns{
        {"NAME", align::left, 0, [](const row& s, charset t) { return printable(s.name, t); }},
        {"KIND", align::left, 1, [](const row& s, charset) { return std::string(word(s.kind)); }},
        {"USE", align::left, 1, use},
        {"HELD", align::left, 0, held},
        {"GRANTING", align::left, 0, [](const row& s, charset) { return std::string(s.paused ? "paused" : ""); }},
        {"WAITING", align::right, 0, [](const row& s, charset) { return number(s.stats.waiting); }},
        {"OLDEST", align::right, 0,
         [](const row& s, charset) { return s.waiters.empty() ? std::string{} : human(oldest_wait(s)); }},
        {"WAIT P50", align::right, 2, [](const row& s, charset) { return bound(s.stats.wait, 0.50); }},
        {"WAIT P99", align::right, 2, [](const row& s, charset) { return bound(s.stats.wait, 0.99); }},
        {"HOLD P50", align::right, 2, [](const row& s, charset) { return bound(s.stats.hold, 0.50); }},
        {"HOLD P99", align::right, 2, [](const row& s, charset) { return bound(s.stats.hold, 0.99); }},
        {"ACQUIRED", align::right, 3, [](const row& s, charset) { return number(s.stats.total_acquired); }},
        {"RELEASED", align::right, 3,
         [](const row& s, charset) { return s.kind == kind::leased ? number(s.stats.total_released) : std::string{}; }},
        {"QUEUED", align::right, 3, [](const row& s, charset) { return unless_zero(s.stats.total_queued); }},
        {"GRANTED", align::right, 3, [](const row& s, charset) { return unless_zero(s.stats.total_granted); }},
        {"EXPIRED", align::right, 3, [](const row& s, charset) { return unless_zero(s.stats.total_expired); }},
        {"REAPED", align::right, 3, [](const row& s, charset) { return unless_zero(s.stats.total_reaped); }},
        {"ENDED", align::right, 3, [](const row& s, charset) { return unless_zero(s.stats.total_ended); }},
        {"TIMED OUT", align::right, 3, [](const row& s, charset) { return unless_zero(s.stats.total_timed_out); }},
        {"CANCELLED", align::right, 3, [](const row& s, charset) { return unless_zero(s.stats.total_cancelled); }},
        {"INVERSIONS", align::right, 3, [](const row& s, charset) { return unless_zero(s.stats.inversions); }},
        {"RECOVERIES", align::right, 3, [](const row& s, charset) { return unless_zero(s.stats.recoveries); }},
    };
    return columns;
}

const std::vector<column<holder_info>>& holder_columns() {
    using row = holder_info;
    static const std::vector<column<row>> columns{
        {"SEAT", align::right, 0, [](const row& h, charset) { return number(h.seat); }},
        {"PID", align::right, 0, [](const row& h, charset) { return number(h.pid); }},
        {"COMMAND", align::left, 0, [](const row& h, charset t) { return printable(h.command, t); }},
        {"TENANT", align::left, 2, [](const row& h, charset t) { return printable(h.tenant, t); }},
        {"LABEL", align::left, 2, [](const row& h, charset t) { return printable(h.label, t); }},
        {"HELD", align::right, 0, [](const row& h, charset) { return human(h.held); }},
        {"TTL LEFT", align::right, 0, [](const row& h, charset) { return ttl_left(h); }},
        {"STATE", align::left, 1, [](const row& h, charset t) { return printable(h.state, t); }},
        {"LIFE", align::left, 1, [](const row& h, charset t) { return printable(h.life, t); }},
        {"TOKEN", align::right, 3, [](const row& h, charset) { return number(h.token); }},
    };
    return columns;
}

const std::vector<column<waiter_info>>& waiter_columns() {
    using row = waiter_info;
    static const std::vector<column<row>> columns{
        {"TICKET", align::right, 0, [](const row& w, charset) { return number(w.ticket); }},
        {"PID", align::right, 0, [](const row& w, charset) { return number(w.pid); }},
        {"COMMAND", align::left, 0, [](const row& w, charset t) { return printable(w.command, t); }},
        {"TENANT", align::left, 2, [](const row& w, charset t) { return printable(w.tenant, t); }},
        {"LABEL", align::left, 2, [](const row& w, charset t) { return printable(w.label, t); }},
        {"PERMITS", align::right, 0, [](const row& w, charset) { return number(w.permits); }},
        {"WAITED", align::right, 0, [](const row& w, charset) { return human(w.waited); }},
    };
    return columns;
}

}  // namespace shmsem::report
