#include "report/deadlock.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "report/reduction.hpp"

namespace shmsem::report {
namespace {

// A semaphore where somebody waits, and may wait for ever.
struct contended {
    const segment_snapshot* home;
    const semaphore_snapshot* semaphore;
};

bool may_last(const semaphore_snapshot& semaphore) noexcept {
    return semaphore.kind == kind::leased && !semaphore.paused && !semaphore.waiters.empty();
}

bool ends_by_itself(const semaphore_snapshot& semaphore, const holder_info& holder) noexcept {
    return semaphore.max_hold != forever || (semaphore.renewal == renewal::manual && holder.ttl_left != forever) ||
           holder.life == "dead" || holder.state.find("detached") != std::string::npos;
}

// Processes know themselves by their own namespace's pid, so the namespace is part of who they are.
class identities {
   public:
    explicit identities(const segment_snapshot& home) {
        for (const auto& process : home.processes) namespaces_[{process.index, process.pid}] = process.pid_namespace;
    }
    template <class Info>
    [[nodiscard]] thread_id of(const Info& who) const {
        const auto known = namespaces_.find({who.process, who.pid});
        return {known == namespaces_.end() ? 0 : known->second, who.pid, who.tid};
    }

   private:
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> namespaces_;
};

struct scene {
    waiting_graph graph;
    std::vector<stuck_thread> threads;  // as numbered in the graph
};

std::vector<contended> contended_semaphores(const std::vector<segment_sample>& segments) {
    std::vector<contended> result;
    for (const auto& sampled : segments) {
        const auto* home = std::get_if<segment_snapshot>(&sampled.contents);
        if (home == nullptr) continue;
        for (const auto& semaphore : home->semaphores) {
            if (may_last(semaphore)) result.push_back({home, &semaphore});
        }
    }
    return result;
}

scene observe(const std::vector<segment_sample>& segments) {
    scene result;
    const auto semaphores = contended_semaphores(segments);
    std::map<const segment_snapshot*, identities> known;
    std::map<thread_id, std::size_t> numbers;
    for (const auto& [home, semaphore] : semaphores) {
        const auto& who = known.try_emplace(home, *home).first->second;
        auto& queue = result.graph.queues.emplace_back();
        for (const auto& waiter : semaphore->waiters) {
            const thread_id id = who.of(waiter);
            const auto [at, is_new] = numbers.try_emplace(id, result.threads.size());
            if (is_new) {
                result.threads.push_back({.thread = id,
                                          .command = waiter.command,
                                          .holds = {},
                                          .waits = {home->name, semaphore->name, waiter.ticket, waiter.permits}});
            }
            queue.waiters.push_back({at->second, waiter.permits});
        }
    }
    result.graph.threads = result.threads.size();

    for (std::size_t q = 0; q < semaphores.size(); ++q) {
        const auto& [home, semaphore] = semaphores[q];
        const auto& who = known.at(home);
        auto& queue = result.graph.queues[q];
        queue.free = static_cast<std::uint64_t>(std::max<std::int64_t>(semaphore->stats.available, 0));
        for (const auto& holder : semaphore->holders) {
            const auto waits = numbers.find(who.of(holder));
            const bool held_by_waiter = waits != numbers.end() && !ends_by_itself(*semaphore, holder);
            if (held_by_waiter) {
                result.threads[waits->second].holds.push_back({home->name, semaphore->name, holder.seat, holder.token});
            }
            // What a shrunk semaphore has too many of closes when it comes back: nobody gets it.
            if (holder.state.starts_with("retiring")) continue;
            if (held_by_waiter) {
                queue.holders.push_back({waits->second, 1});
            } else {
                ++queue.free;
            }
        }
    }
    return result;
}

bool waits_for_a_permit_of(const stuck_thread& one, const stuck_thread& other) noexcept {
    return std::any_of(other.holds.begin(), other.holds.end(), [&](const auto& permit) {
        return permit.segment == one.waits.segment && permit.semaphore == one.waits.semaphore;
    });
}

// As a story: after each one, if possible, one that holds what it waits for.
void put_in_order(std::vector<stuck_thread>& members) {
    for (std::size_t i = 1; i < members.size(); ++i) {
        const auto from = members.begin() + static_cast<std::ptrdiff_t>(i);
        const auto next = std::find_if(
            from, members.end(), [&](const stuck_thread& other) { return waits_for_a_permit_of(members[i - 1], other); });
        if (next != members.end()) std::rotate(from, next, next + 1);
    }
}

}  // namespace

std::vector<deadlock> find_deadlocks(const std::vector<segment_sample>& segments) {
    const scene seen = observe(segments);
    const auto groups = knots(seen.graph);
    if (groups.empty()) return {};
    std::vector<deadlock> result(groups.size());
    for (std::size_t k = 0; k < groups.size(); ++k) {
        for (const std::size_t thread : groups[k]) result[k].members.push_back(seen.threads[thread]);
        put_in_order(result[k].members);
    }
    const auto behind = blocked_by(seen.graph, groups);
    for (std::size_t thread = 0; thread < behind.size(); ++thread) {
        if (behind[thread] == -1) continue;
        const auto k = static_cast<std::size_t>(behind[thread]);
        if (!std::binary_search(groups[k].begin(), groups[k].end(), thread))
            result[k].blocked.push_back(seen.threads[thread]);
    }
    return result;
}

std::vector<deadlock> persisting(const std::vector<deadlock>& before, std::vector<deadlock> now) {
    const auto key = [](const stuck_thread& member) {
        return std::tuple(member.thread, member.waits.segment, member.waits.semaphore, member.waits.ticket);
    };
    std::set<decltype(key(std::declval<stuck_thread>()))> known;
    for (const auto& old : before) {
        for (const auto& member : old.members) known.insert(key(member));
    }
    std::erase_if(now, [&](const deadlock& one) {
        return !std::all_of(one.members.begin(), one.members.end(),
                            [&](const stuck_thread& member) { return known.contains(key(member)); });
    });
    return now;
}

}  // namespace shmsem::report
