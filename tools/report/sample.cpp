#include "report/sample.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <system_error>

#include "report/bus_guard.hpp"
#include "report/deadlock.hpp"
#include "shmsem/errors.hpp"
#include "shmsem/segment.hpp"

namespace shmsem::report {
namespace {

failure describe(const std::system_error& error) {
    const bool ours = error.code().category() == error_category();
    return {ours ? name_of(static_cast<errc>(error.code().value())) : "system_error", error.code().message()};
}

std::uint64_t taken_back(const segment_snapshot& segment) noexcept {
    std::uint64_t sum = 0;
    for (const auto& semaphore : segment.semaphores) sum += semaphore.stats.total_expired + semaphore.stats.total_reaped;
    return sum;
}

// Whoever comes upon a dead holder first takes its permits back, and joining the segment wakes others who may: so what counts
// is what became of the segment, not what this one call did.
std::uint64_t reap(segment& home) {
    const std::uint64_t before = taken_back(home.inspect());
    (void)home.reap();
    const std::uint64_t after = taken_back(home.inspect());
    return after > before ? after - before : 0;
}

segment_sample sample_one(const std::string& name, sampling how) {
    segment_sample result{.name = name, .contents = {}};
    const bus_guard guard;
    try {
        segment home = segment::open(name, how == sampling::reap_first ? access::read_write : access::read_only);
        if (how == sampling::reap_first) result.reaped = reap(home);
        result.contents = home.inspect();
    } catch (const std::system_error& error) {
        result.contents = describe(error);
    } catch (const std::exception& error) {
        result.contents = failure{"system_error", error.what()};
    }
    if (guard.tripped()) {
        result.contents = failure{name_of(errc::segment_truncated), "the file was truncated while it was read"};
    }
    return result;
}

bool is_gone(const segment_sample& sampled) {
    const auto* why = std::get_if<failure>(&sampled.contents);
    return why != nullptr && why->code == name_of(errc::segment_not_found);
}

std::vector<segment_sample> sample_all(const std::vector<std::string>& names, sampling how) {
    std::vector<segment_sample> result;
    if (!names.empty()) {
        for (auto name = names.begin(); name != names.end(); ++name) {
            if (std::find(names.begin(), name, *name) == name) result.push_back(sample_one(*name, how));  // each once
        }
        return result;
    }
    std::vector<std::string> found;
    for (auto& entry : segment::list()) found.push_back(std::move(entry.name));
    std::sort(found.begin(), found.end());
    for (const auto& name : found) {
        // Nobody asked for this one by name: if it was removed since it was listed, a list without it is right.
        if (auto sampled = sample_one(name, how); !is_gone(sampled)) result.push_back(std::move(sampled));
    }
    return result;
}

}  // namespace

snapshot sample(const std::vector<std::string>& names, sampling how) {
    snapshot result{.taken = std::chrono::system_clock::now(), .segments = sample_all(names, how), .deadlocks = {}};
    result.deadlocks = find_deadlocks(result.segments);
    if (!result.deadlocks.empty()) {
        const std::vector<segment_sample> again = sample_all(names, sampling::look);
        result.deadlocks = persisting(result.deadlocks, find_deadlocks(again));
    }
    return result;
}

}  // namespace shmsem::report
