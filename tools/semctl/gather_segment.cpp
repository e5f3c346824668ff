#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "report/bus_guard.hpp"
#include "report/deadlock.hpp"
#include "report/sample.hpp"
#include "semctl/gather.hpp"
#include "shmsem/errors.hpp"
#include "shmsem/segment.hpp"

namespace shmsem::semctl {
namespace {

using namespace std::chrono_literals;

report::failure words_of(const std::error_code& ec) {
    const bool ours = ec.category() == error_category();
    return {ours ? name_of(static_cast<errc>(ec.value())) : "system_error", ec.message()};
}

// Somebody is just about to take these back; what stays is worth telling.
bool has_passing_states(const segment_snapshot& segment) {
    for (const auto& process : segment.processes) {
        if (process.life == "dead") return true;
    }
    for (const auto& semaphore : segment.semaphores) {
        for (const auto& holder : semaphore.holders) {
            if (holder.life == "dead" || holder.ttl_left <= duration::zero()) return true;
        }
    }
    return false;
}

void look(segment_facts& into) {
    for (int tries = 0;; ++tries) {
        auto contents = std::move(report::sample({into.name}, report::sampling::look).segments.front().contents);
        if (auto* why = std::get_if<report::failure>(&contents)) {
            into.unreadable = std::move(*why);
            return;
        }
        into.contents = std::get<segment_snapshot>(std::move(contents));
        if (into.attached == 0 || tries == 5 || !has_passing_states(*into.contents)) return;
        std::this_thread::sleep_for(100ms);
    }
}

// Without locks what is in flight may look like a fault: only what is still there when looked at again is one.
std::vector<std::string> lasting_violations(const segment& home) {
    std::vector<std::string> lasting = home.check_invariants().problems;
    for (int tries = 0; tries < 20 && !lasting.empty(); ++tries) {
        std::this_thread::sleep_for(10ms);
        const auto now = home.check_invariants().problems;
        std::erase_if(lasting, [&](const auto& each) { return std::find(now.begin(), now.end(), each) == now.end(); });
    }
    return lasting;
}

// The text of a version mismatch names both versions; the code alone does not.
std::string versions_of(const std::string& name) {
    try {
        (void)segment::open(name, access::read_only);
    } catch (const std::system_error& error) {
        const std::string text = error.what();
        const auto from = text.find("it has layout version");
        const auto to = text.rfind(": " + error.code().message());
        if (from != std::string::npos && to != std::string::npos && from < to) return text.substr(from, to - from);
    }
    return "its layout version is another one";
}

void examine(segment_facts& into) {
    const report::bus_guard guard;
    std::error_code ec;
    segment writable = segment::open(into.name, access::read_write, ec);  // which changes nothing yet
    if (ec) into.unwritable = words_of(ec);
    const bool may_lock = !ec;
    const segment home = segment::open(into.name, access::read_only, ec);
    // To take a lock is to join, and who joins cleans up after the dead. Where nobody is attached that would be the doctor's doing;
    // and there nothing is in flight either, unless its last user died in the middle of it: then whoever takes the lock repairs it.
    if (may_lock && (into.attached != 0 || !home.check_invariants().ok())) {
        into.violations = writable.check_invariants().problems;
    } else if (!may_lock) {
        into.violations = lasting_violations(home);
    }
    if (guard.tripped()) {
        into.unreadable = report::failure{name_of(errc::segment_truncated), "the file was truncated while it was read"};
        into.contents.reset();
        into.violations.clear();
    }
}

// Seen twice, since what is read while permits change hands may look like one.
std::vector<report::deadlock> lasting_deadlocks() {
    const auto before = report::sample({}, report::sampling::look).deadlocks;
    if (before.empty()) return {};
    std::this_thread::sleep_for(100ms);
    return report::persisting(before, report::sample({}, report::sampling::look).deadlocks);
}

}  // namespace

segment_facts gather_segment(const std::string& name, std::uint32_t attached) {
    segment_facts seen;
    seen.name = name;
    seen.attached = attached;
    seen.file = file_of(name);
    seen.owner = gather_account(seen.file.uid);
    look(seen);
    if (seen.unreadable && seen.unreadable->code == name_of(errc::segment_version)) {
        seen.unreadable->message = versions_of(name);
    }
    if (!seen.unreadable) examine(seen);
    return seen;
}

facts gather(const std::vector<std::string>& segments) {
    facts seen{.caller = gather_account(::geteuid()),
               .shm = gather_shm(),
               .logind = gather_logind(),
               .kernel = gather_kernel(),
               .segments = {},
               .deadlocks = lasting_deadlocks()};
    const auto entries = segment::list();
    const auto wanted = [&](const std::string& name) {
        return segments.empty() || std::find(segments.begin(), segments.end(), name) != segments.end();
    };
    for (const auto& entry : entries) {
        if (wanted(entry.name)) seen.segments.push_back(gather_segment(entry.name, entry.attached));
    }
    // One that was removed since it was listed is nobody's fault, unless it was asked for by name.
    if (segments.empty()) {
        std::erase_if(seen.segments, [](const auto& each) { return !each.file.exists || !file_of(each.name).exists; });
    }
    for (const auto& name : segments) {
        const auto same = [&](const segment_facts& each) { return each.name == name; };
        if (std::none_of(seen.segments.begin(), seen.segments.end(), same)) seen.segments.push_back(gather_segment(name, 0));
    }
    return seen;
}

}  // namespace shmsem::semctl
