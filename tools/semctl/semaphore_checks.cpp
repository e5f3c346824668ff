#include <algorithm>
#include <functional>

#include "report/format.hpp"
#include "semctl/diagnosis.hpp"

// What is wrong with semaphores: their holders, their queues, what they have counted.

namespace shmsem::semctl {
namespace {

using report::count_of;
using report::human;

findings for_each(const facts& seen, const std::function<void(const place&, const semaphore_snapshot&, findings&)>& look) {
    findings found;
    for (const auto& segment : seen.segments) {
        if (!segment.contents) continue;
        for (const auto& semaphore : segment.contents->semaphores) look({segment.name, semaphore.name}, semaphore, found);
    }
    return found;
}

std::string named(const holder_info& holder) {
    return "seat " + std::to_string(holder.seat) + " is held by pid " + std::to_string(holder.pid) + " (" + holder.command +
           (holder.label.empty() ? "" : ", label '" + holder.label + "'") + ")";
}

findings look_for_dead_holders(const facts& seen) {
    return for_each(seen, [](const place& where, const semaphore_snapshot& semaphore, findings& found) {
        for (const auto& holder : semaphore.holders) {
            if (holder.life != "dead") continue;
            found.push_back({severity::warning, where, named(holder) + ", which has died, for " + human(holder.held),
                             fill_in("semctl reap {segment}", where)});
        }
    });
}

findings look_for_expired_leases(const facts& seen) {
    return for_each(seen, [](const place& where, const semaphore_snapshot& semaphore, findings& found) {
        for (const auto& holder : semaphore.holders) {
            if (holder.life == "dead" || holder.ttl_left > duration::zero()) continue;
            found.push_back(
                {severity::warning, where,
                 named(holder) + ", whose lease has expired: it is stopped or hangs, and nobody has asked for the permit",
                 fill_in("semctl reap {segment}, and look at what that process does", where)});
        }
    });
}

// Without evidence of a death only the ttl could give it back.
findings look_for_leases_without_end(const facts& seen) {
    return for_each(seen, [](const place& where, const semaphore_snapshot& semaphore, findings& found) {
        for (const auto& holder : semaphore.holders) {
            if (holder.life != "unknown" || holder.ttl_left != forever) continue;
            found.push_back({severity::warning, where,
                             named(holder) + ": whether it lives cannot be known here, and its lease never expires",
                             fill_in("if it is gone: semctl end {segment} {semaphore} ", where) +
                                 std::to_string(holder.seat) + "; create the semaphore with a --ttl"});
        }
    });
}

findings look_for_pauses(const facts& seen) {
    return for_each(seen, [](const place& where, const semaphore_snapshot& semaphore, findings& found) {
        if (!semaphore.paused) return;
        found.push_back(
            {severity::warning, where,
             "it is paused: nothing is granted, and " + count_of(semaphore.stats.waiting, "waiter waits", "waiters wait"),
             fill_in("if that was forgotten: semctl resume {segment} {semaphore}", where)});
    });
}

findings look_at_queues(const facts& seen) {
    return for_each(seen, [](const place& where, const semaphore_snapshot& semaphore, findings& found) {
        const std::uint64_t room = semaphore.max_waiters;
        if (room == 0 || std::uint64_t{semaphore.stats.waiting} * 10 < room * 9) return;
        const bool full = semaphore.stats.waiting >= room;
        found.push_back({full ? severity::problem : severity::warning, where,
                         std::string("its queue is ") + (full ? "full" : "nearly full") + ": " +
                             std::to_string(semaphore.stats.waiting) + " of at most " + std::to_string(room) + " wait",
                         "give it more permits (semctl resize), or create it with a higher --max-waiters"});
    });
}

findings look_for_shrunk(const facts& seen) {
    return for_each(seen, [](const place& where, const semaphore_snapshot& semaphore, findings& found) {
        if (semaphore.kind != kind::leased || semaphore.stats.acquired <= semaphore.stats.capacity) return;
        found.push_back({severity::note, where,
                         "more is held than there are permits (" + std::to_string(semaphore.stats.acquired) + " of " +
                             std::to_string(semaphore.stats.capacity) + "), since it was shrunk",
                         "wait for the holders, or take it from them: semctl end"});
    });
}

findings look_at_inversions(const facts& seen) {
    return for_each(seen, [](const place& where, const semaphore_snapshot& semaphore, findings& found) {
        if (semaphore.stats.inversions == 0) return;
        found.push_back(
            {severity::problem, where,
             count_of(semaphore.stats.inversions, "grant was", "grants were") + " out of ticket order, which cannot be",
             fill_in("report this as a bug, with semctl show --json {segment}", where)});
    });
}

findings look_at_recoveries(const facts& seen) {
    return for_each(seen, [](const place& where, const semaphore_snapshot& semaphore, findings& found) {
        if (semaphore.stats.recoveries == 0) return;
        found.push_back({severity::note, where,
                         count_of(semaphore.stats.recoveries, "time", "times") +
                             " a process died inside of the queue's lock, and it was repaired",
                         "nothing to do; if it grows, look at why processes are killed"});
    });
}

bool touches(const report::stuck_thread& thread, const facts& seen) {
    const auto looked_at = [&](const std::string& name) {
        return std::any_of(seen.segments.begin(), seen.segments.end(), [&](const auto& each) { return each.name == name; });
    };
    return looked_at(thread.waits.segment) || std::any_of(thread.holds.begin(), thread.holds.end(),
                                                          [&](const auto& permit) { return looked_at(permit.segment); });
}

std::string words_of(const report::stuck_thread& thread) {
    std::string words = "pid " + std::to_string(thread.thread.pid) + " (" + thread.command + ") holds ";
    for (const auto& permit : thread.holds) {
        words += (&permit == &thread.holds.front() ? "seat " : ", seat ") + std::to_string(permit.seat) + " of '" +
                 permit.semaphore + "' in '" + permit.segment + "'";
    }
    return words + " and waits for '" + thread.waits.semaphore + "' in '" + thread.waits.segment + "'";
}

findings look_for_deadlocks(const facts& seen) {
    findings found;
    for (const auto& deadlock : seen.deadlocks) {
        const auto& members = deadlock.members;
        if (std::none_of(members.begin(), members.end(), [&](const auto& each) { return touches(each, seen); })) continue;
        std::string words = "threads wait for each other, and none will be served unless another thread releases for them: ";
        for (const auto& member : members) words += (&member == &members.front() ? "" : "; ") + words_of(member);
        std::string remedy = "if nothing moves, end one of them, or its lease";
        for (const auto& member : members) {
            if (member.holds.empty()) continue;
            const auto& permit = member.holds.front();
            remedy += fill_in(": semctl end {segment} {semaphore} ", {permit.segment, permit.semaphore}) +
                      std::to_string(permit.seat) + " --token " + std::to_string(permit.token);
            break;
        }
        found.push_back({severity::warning,
                         {members.front().waits.segment, members.front().waits.semaphore},
                         words,
                         remedy + "; take semaphores in the same order everywhere"});
    }
    return found;
}

}  // namespace

const std::vector<check>& semaphore_checks() {
    static const std::vector<check> checks{
        {"deadlocks", "nobody waits in a circle", look_for_deadlocks},
        {"dead_holders", "no dead process holds a permit", look_for_dead_holders},
        {"expired", "no expired lease is still held", look_for_expired_leases},
        {"endless", "every lease can end", look_for_leases_without_end},
        {"paused", "no semaphore is paused", look_for_pauses},
        {"queues", "no queue is nearly full", look_at_queues},
        {"shrunk", "nothing is held beyond the permits", look_for_shrunk},
        {"inversions", "nothing was granted out of order", look_at_inversions},
        {"recoveries", "no process died inside of a lock", look_at_recoveries},
    };
    return checks;
}

}  // namespace shmsem::semctl
