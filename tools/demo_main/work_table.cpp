#include "demo_main/work_table.hpp"

#include <algorithm>

namespace demo {

bool work_table::try_claim(std::size_t i, life_id me) {
    std::uint64_t seen = pack(phase::todo, {});
    // relaxed: a claim publishes nothing; the result that it gives access to is written by nobody else until it is over.
    return items_[i].state.compare_exchange_strong(seen, pack(phase::claimed, me), std::memory_order_relaxed);
}

std::optional<std::size_t> work_table::claim(life_id me) {
    while (counters_->next.load(std::memory_order_relaxed) < size()) {
        const std::size_t i = counters_->next.fetch_add(1, std::memory_order_relaxed);
        if (i < size() && try_claim(i, me)) return i;
    }
    // What was put back, or passed over by a worker that died between counting up and claiming.
    for (std::size_t i = 0; i < size(); ++i) {
        if (items_[i].state.load(std::memory_order_relaxed) == pack(phase::todo, {}) && try_claim(i, me)) return i;
    }
    return {};
}

bool work_table::commit(std::size_t i, life_id me, const file_result& result) {
    items_[i].result = result;
    std::uint64_t mine = pack(phase::claimed, me);
    // release: pairs with the acquire in done(); who sees it done sees the result.
    const bool ours = items_[i].state.compare_exchange_strong(mine, pack(phase::done, me), std::memory_order_release,
                                                              std::memory_order_relaxed);
    (ours ? counters_->done : counters_->duplicates).fetch_add(1, std::memory_order_relaxed);
    return ours;
}

bool work_table::done(std::size_t i) const {
    return items_[i].state.load(std::memory_order_acquire) >> life_id::bits == static_cast<std::uint64_t>(phase::done);
}

bool work_table::all_done() const {
    for (std::size_t i = size(); i-- > 0;) {  // from the end, where those not done are most likely
        if (!done(i)) return false;
    }
    return true;
}

std::size_t work_table::put_back(life_id dead) {
    std::size_t n = 0;
    for (piece& each : items_) {
        std::uint64_t claimed = pack(phase::claimed, dead);
        if (each.state.compare_exchange_strong(claimed, pack(phase::todo, {}), std::memory_order_relaxed)) ++n;
    }
    return n;
}

std::optional<std::size_t> work_table::claimed_by(life_id who) const {
    const std::uint64_t claimed = pack(phase::claimed, who);
    for (std::size_t i = 0; i < size(); ++i) {
        if (items_[i].state.load(std::memory_order_relaxed) == claimed) return i;
    }
    return {};
}

}  // namespace demo
