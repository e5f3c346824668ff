#include "semtop/history.hpp"

#include <algorithm>

namespace shmsem::semtop {

void history::add(track& to, const semaphore_snapshot& semaphore, bool is_new, time_point now) const {
    const semaphore_stats& stats = semaphore.stats;
    const double seconds = std::chrono::duration<double>(now - to.at).count();
    // What was released is computed from numbers that were read at slightly different times, so it can fall by a few.
    const bool anew = is_new || stats.total_acquired < to.acquired;
    if (anew) {
        to.speed.reset();
    } else if (seconds > 0) {
        const std::uint64_t released = stats.total_released - std::min(to.released, stats.total_released);
        to.speed = rates{.acquired = static_cast<double>(stats.total_acquired - to.acquired) / seconds,
                         .released = static_cast<double>(released) / seconds};
    }
    to.acquired = stats.total_acquired;
    to.released = stats.total_released;
    to.at = now;
    to.round = round_;
    if (semaphore.kind == kind::ownerless) return;
    mean& here = to.use[static_cast<std::size_t>(current_slot_) % slots];
    if (here.slot != current_slot_) here = {.slot = current_slot_, .sum = 0, .count = 0};
    here.sum += static_cast<float>(std::clamp(stats.percent / 100, 0.0, 1.0));
    ++here.count;
}

void history::add(const report::snapshot& seen, time_point now) {
    ++round_;
    current_slot_ = std::max<std::int64_t>(now.time_since_epoch() / slot, 0);
    for (const auto& sampled : seen.segments) {
        const auto* segment = std::get_if<segment_snapshot>(&sampled.contents);
        if (segment == nullptr) continue;
        for (const auto& semaphore : segment->semaphores) {
            const auto [at, is_new] = tracks_.try_emplace({segment->id, semaphore.name});
            add(at->second, semaphore, is_new, now);
        }
    }
    std::erase_if(tracks_, [&](const auto& entry) { return entry.second.round != round_; });
}

std::optional<rates> history::rates_of(std::uint64_t segment, const std::string& semaphore) const {
    const auto found = tracks_.find({segment, semaphore});
    return found == tracks_.end() ? std::nullopt : found->second.speed;
}

std::vector<double> history::use_of(std::uint64_t segment, const std::string& semaphore, std::size_t n) const {
    std::vector<double> result(n, -1);
    const auto found = tracks_.find({segment, semaphore});
    if (found == tracks_.end()) return result;
    // A slot without a sample, because samples are far apart, is as the one before.
    double before = -1;
    for (std::int64_t back = static_cast<std::int64_t>(slots) - 1; back >= 0; --back) {
        const std::int64_t number = current_slot_ - back;
        if (number < 0) continue;
        const mean& one = found->second.use[static_cast<std::size_t>(number) % slots];
        if (one.slot == number && one.count != 0) before = static_cast<double>(one.sum) / one.count;
        if (static_cast<std::size_t>(back) < n) result[n - 1 - static_cast<std::size_t>(back)] = before;
    }
    return result;
}

}  // namespace shmsem::semtop
