#include "report/json.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <numeric>

#include "report/columns.hpp"
#include "report/words.hpp"

namespace shmsem::report {
namespace {

using json = nlohmann::ordered_json;

// Changes when a key changes its meaning or goes; a new key does not change it.
constexpr int kFormat = 1;

json ns(duration length) { return length == forever ? json(nullptr) : json(length.count()); }

// Readers of JSON keep 53 bits of a number; an id needs all 64.
json hex(std::uint64_t value) {
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), "0x%016llx", static_cast<unsigned long long>(value));
    return text.data();
}

json of(const histogram& counts) {
    const auto bound = [&](double q) {
        const duration at_most = quantile(counts, q);
        return at_most == duration::zero() ? json(nullptr) : ns(at_most);
    };
    return {
        {"count", std::accumulate(counts.begin(), counts.end(), std::uint64_t{0})},
        {"p50_ns", bound(0.50)},
        {"p99_ns", bound(0.99)},
        {"buckets", counts},
    };
}

json of(const limits& sizes) {
    return {
        {"processes", sizes.processes}, {"semaphores", sizes.semaphores}, {"permits", sizes.permits},
        {"waiters", sizes.waiters},     {"tenants", sizes.tenants},
    };
}

json of(const process_info& process) {
    return {
        {"index", process.index},     {"pid", process.pid},
        {"uid", process.uid},         {"pid_namespace", process.pid_namespace},
        {"command", process.command}, {"state", process.state},
        {"life", process.life},       {"attached_ns", ns(process.attached)},
    };
}

json of(const holder_info& holder) {
    return {
        {"seat", holder.seat},        {"token", holder.token},
        {"process", holder.process},  {"pid", holder.pid},
        {"tid", holder.tid},          {"command", holder.command},
        {"tenant", holder.tenant},    {"label", holder.label},
        {"held_ns", ns(holder.held)}, {"ttl_left_ns", ns(holder.ttl_left)},
        {"state", holder.state},      {"life", holder.life},
    };
}

json of(const waiter_info& waiter) {
    return {
        {"ticket", waiter.ticket}, {"process", waiter.process}, {"pid", waiter.pid},
        {"tid", waiter.tid},       {"command", waiter.command}, {"tenant", waiter.tenant},
        {"label", waiter.label},   {"permits", waiter.permits}, {"waited_ns", ns(waiter.waited)},
    };
}

json of(const event_info& event) {
    return {
        {"number", event.number},
        {"kind", word(event.kind)},
        {"ago_ns", ns(event.ago)},
        {"lasted_ns", ns(event.lasted)},
        {"semaphore", event.semaphore},
        {"permits", event.permits},
        {"seat", event.seat},
        {"process", event.process},
        {"pid", event.pid},
        {"token", event.token},
    };
}

json of(const stuck_thread::permit& permit) {
    return {
        {"segment", permit.segment},
        {"semaphore", permit.semaphore},
        {"seat", permit.seat},
        {"token", permit.token},
    };
}

json of(const semaphore_snapshot& semaphore);
json of(const stuck_thread& thread);
json of(const deadlock& one);
json of(const segment_sample& sampled);

template <class T>
json list_of(const std::vector<T>& items) {
    json result = json::array();
    for (const auto& item : items) result.push_back(of(item));
    return result;
}

json of(const stuck_thread& thread) {
    return {
        {"pid_namespace", thread.thread.pid_namespace},
        {"pid", thread.thread.pid},
        {"tid", thread.thread.tid},
        {"command", thread.command},
        {"holds", list_of(thread.holds)},
        {"waits",
         {
             {"segment", thread.waits.segment},
             {"semaphore", thread.waits.semaphore},
             {"ticket", thread.waits.ticket},
             {"permits", thread.waits.permits},
         }},
    };
}

json of(const deadlock& one) { return {{"members", list_of(one.members)}, {"blocked", list_of(one.blocked)}}; }

json of(const semaphore_stats& stats) {
    return {
        {"acquired", stats.total_acquired}, {"released", stats.total_released},   {"queued", stats.total_queued},
        {"granted", stats.total_granted},   {"expired", stats.total_expired},     {"reaped", stats.total_reaped},
        {"ended", stats.total_ended},       {"timed_out", stats.total_timed_out}, {"cancelled", stats.total_cancelled},
        {"inversions", stats.inversions},   {"recoveries", stats.recoveries},
    };
}

json of(const semaphore_snapshot& semaphore) {
    const semaphore_stats& stats = semaphore.stats;
    return {
        {"name", semaphore.name},
        {"kind", word(semaphore.kind)},
        {"order", word(semaphore.order)},
        {"renewal", word(semaphore.renewal)},
        {"ttl_ns", ns(semaphore.ttl)},
        {"max_hold_ns", ns(semaphore.max_hold)},
        {"capacity", stats.capacity},
        {"max_permits", semaphore.max_permits},
        {"max_waiters", semaphore.max_waiters},
        {"paused", semaphore.paused},
        {"acquired", stats.acquired},
        {"available", stats.available},
        {"percent", stats.percent},
        {"waiting", stats.waiting},
        {"oldest_wait_ns", semaphore.waiters.empty() ? json(nullptr) : ns(oldest_wait(semaphore))},
        {"totals", of(stats)},
        {"wait", of(stats.wait)},
        {"hold", of(stats.hold)},
        {"holders", list_of(semaphore.holders)},
        {"waiters", list_of(semaphore.waiters)},
    };
}

json of(const segment_sample& sampled) {
    json result{{"name", sampled.name}};
    if (const auto* why = std::get_if<failure>(&sampled.contents)) {
        result["error"] = {{"code", why->code}, {"message", why->message}};
        return result;
    }
    const auto& segment = std::get<segment_snapshot>(sampled.contents);
    result["error"] = nullptr;
    result["id"] = hex(segment.id);
    result["layout_version"] = segment.layout_version;
    result["bytes"] = segment.bytes;
    result["age_ns"] = ns(segment.age);
    result["reaped"] = sampled.reaped;
    result["limits"] = of(segment.limits);
    result["processes"] = list_of(segment.processes);
    result["semaphores"] = list_of(segment.semaphores);
    result["events"] = list_of(segment.events);
    return result;
}

}  // namespace

nlohmann::ordered_json to_json(const snapshot& what) {
    const auto since_epoch = what.taken.time_since_epoch();
    return {
        {"format", kFormat},
        {"taken_unix_ns", std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count()},
        {"segments", list_of(what.segments)},
        {"deadlocks", list_of(what.deadlocks)},
    };
}

std::string json_text(const snapshot& what) {
    return to_json(what).dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

std::string json_line(const snapshot& what) {
    return to_json(what).dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

}  // namespace shmsem::report
