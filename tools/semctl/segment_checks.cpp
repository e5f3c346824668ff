#include "report/format.hpp"
#include "semctl/diagnosis.hpp"
#include "semctl/trouble.hpp"
#include "shmsem/errors.hpp"

// What is wrong with segments as files and as a whole.

namespace shmsem::semctl {
namespace {

using report::human;
using report::human_bytes;

place whole(const segment_facts& segment) { return {segment.name, {}}; }

std::string made(const segment_facts& segment) {
    std::string words = "made by " + segment.owner.name;
    if (segment.contents) words += " " + human(segment.contents->age) + " ago";
    return words + ", " + human_bytes(segment.file.bytes);
}

bool is(const report::failure& why, errc code) { return why.code == name_of(code); }

findings look_for_unreadable(const facts& seen) {
    findings found;
    for (const auto& segment : seen.segments) {
        if (!segment.unreadable) continue;
        const report::failure& why = *segment.unreadable;
        const trouble known = explain(whole(segment), why);
        const bool of_others = is(why, errc::segment_permission) || is(why, errc::segment_owner);
        std::string what = known.cause;
        if (segment.file.exists) {
            what += "; its file is " + segment.owner.name + "'s, mode " + mode_words(segment.file.mode) + ", " +
                    human_bytes(segment.file.bytes);
        }
        if (is(why, errc::segment_version)) what += "; " + why.message;
        found.push_back({of_others ? severity::warning : severity::problem, whole(segment), what, known.remedy});
    }
    return found;
}

findings look_for_unwritable(const facts& seen) {
    findings found;
    for (const auto& segment : seen.segments) {
        if (segment.unreadable || !segment.unwritable) continue;
        const trouble known = explain(whole(segment), *segment.unwritable);
        const bool of_others = segment.owner.uid != seen.caller.uid;
        found.push_back({of_others ? severity::note : severity::warning, whole(segment),
                         seen.caller.name + " may look at it but not use it: " + known.cause + "; its file is " +
                             segment.owner.name + "'s, mode " + mode_words(segment.file.mode),
                         of_others
                             ? known.remedy
                             : "give the file the mode it was made with: chmod 600 " + operand(path_of(segment.name))});
    }
    return found;
}

findings look_for_open_to_all(const facts& seen) {
    findings found;
    for (const auto& segment : seen.segments) {
        if (!segment.contents || segment.file.mode != 0666) continue;
        found.push_back({severity::note, whole(segment),
                         "every user of this host may use it, and deny its service to the others",
                         "where that is not meant, create it with --mode owner or group"});
    }
    return found;
}

bool was_used(const segment_snapshot& segment) {
    for (const auto& semaphore : segment.semaphores) {
        const auto& stats = semaphore.stats;
        if (stats.total_acquired + stats.total_queued + stats.acquired != 0) return true;
    }
    for (const auto& process : segment.processes) {
        if (process.life == "dead") return true;
    }
    return false;
}

// Where semrun keeps what a user's scripts share, between one run and the next as well.
bool is_semruns(const segment_facts& segment) { return segment.name == "semrun." + std::to_string(segment.owner.uid); }

// A segment may wait for its first user; one that was left by its last user is what gets forgotten.
findings look_for_orphans(const facts& seen) {
    constexpr duration patience = std::chrono::hours{1};
    findings found;
    for (const auto& segment : seen.segments) {
        if (!segment.contents || segment.attached != 0) continue;
        const bool used = was_used(*segment.contents);
        const bool fresh = !used && segment.contents->age < patience;
        found.push_back({fresh || is_semruns(segment) ? severity::note : severity::warning, whole(segment),
                         std::string("nobody is attached to it") + (used ? ", and it was used" : ", and it was never used") +
                             ": " + made(segment),
                         fill_in("if nobody will come back to it: semctl remove {segment}", whole(segment))});
    }
    return found;
}

findings look_at_invariants(const facts& seen) {
    findings found;
    for (const auto& segment : seen.segments) {
        for (const auto& violation : segment.violations) {
            found.push_back(
                {severity::problem, whole(segment), "an invariant is broken: " + violation,
                 fill_in("restart the processes that use it with a new segment (semctl remove --force {segment}); if no "
                         "process has written to it by other means, report this as a bug, with semctl show --json {segment}",
                         whole(segment))});
        }
    }
    return found;
}

bool nearly(std::uint64_t used, std::uint64_t room) { return used * 10 >= room * 9; }

findings look_at_tables(const facts& seen) {
    findings found;
    for (const auto& segment : seen.segments) {
        if (!segment.contents) continue;
        const auto& contents = *segment.contents;
        const auto table = [&](severity when_full, std::uint64_t used, std::uint64_t room, const char* what,
                               const char* option) {
            if (!nearly(used, room)) return;
            const bool full = used >= room;
            found.push_back({full ? when_full : std::min(when_full, severity::warning), whole(segment),
                             std::string("its table of ") + what + (full ? " is full: " : " is nearly full: ") +
                                 std::to_string(used) + " of " + std::to_string(room),
                             std::string("create it with a higher ") + option + " once nobody uses it"});
        };
        std::uint64_t waiting = 0;
        std::uint64_t permits = 0;
        for (const auto& semaphore : contents.semaphores) {
            waiting += semaphore.stats.waiting;
            if (semaphore.kind == kind::leased) permits += semaphore.max_permits;
        }
        table(severity::problem, contents.processes.size(), contents.limits.processes, "processes", "--processes");
        table(severity::problem, waiting, contents.limits.waiters, "waiters", "--waiters");
        // Full by design, if no further semaphore is to be made.
        table(severity::note, contents.semaphores.size(), contents.limits.semaphores, "semaphores", "--semaphores");
        table(severity::note, permits, contents.limits.permits, "permits (the max_permits of its semaphores)",
              "--total-permits");
    }
    return found;
}

findings look_for_dead_processes(const facts& seen) {
    findings found;
    for (const auto& segment : seen.segments) {
        if (!segment.contents) continue;
        std::uint64_t dead = 0;
        for (const auto& process : segment.contents->processes) dead += process.life == "dead" ? 1 : 0;
        if (dead == 0) continue;
        found.push_back({severity::warning, whole(segment),
                         report::count_of(dead, "process that has died is", "processes that have died are") +
                             " still in its table: nobody has come by since",
                         fill_in("semctl reap {segment}", whole(segment))});
    }
    return found;
}

}  // namespace

const std::vector<check>& segment_checks() {
    static const std::vector<check> checks{
        {"unreadable", "every segment can be opened", look_for_unreadable},
        {"unwritable", "every segment can be used by this user", look_for_unwritable},
        {"open_to_all", "no segment is open to every user", look_for_open_to_all},
        {"orphaned", "every segment has users", look_for_orphans},
        {"invariants", "every invariant holds", look_at_invariants},
        {"tables", "no table is nearly full", look_at_tables},
        {"dead_processes", "no dead process is left in a table", look_for_dead_processes},
    };
    return checks;
}

}  // namespace shmsem::semctl
