#include "demo_main/journal.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace demo {

void journal::entered(life_id me, const grant& held) {
    const std::int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
    const std::uint32_t seat = held.seat;
    const std::uint64_t found = seat < seats_.size() ? seats_[seat].exchange(me.value(), std::memory_order_relaxed) : 0;
    const std::size_t i = totals_->entries.fetch_add(1, std::memory_order_relaxed);
    if (i >= entries_.size()) return;
    entry& e = entries_[i];
    e.ticket = held.ticket;
    e.at = now;
    e.found = found;
    e.seat = seat;
    // release: pairs with the acquire in check() and next_lease(); an entry with a token is complete.
    e.token.store(held.token, std::memory_order_release);
}

void journal::leaving(life_id me, const grant& held) {
    if (held.seat >= seats_.size()) return;
    std::uint64_t mine = me.value();
    if (!seats_[held.seat].compare_exchange_strong(mine, 0, std::memory_order_relaxed)) {
        totals_->disturbed.fetch_add(1, std::memory_order_relaxed);
    }
}

std::size_t journal::used() const { return std::min(totals_->entries.load(std::memory_order_relaxed), entries_.size()); }

journal::findings journal::check(const std::function<bool(life_id)>& was_killed) const {
    findings f;
    f.lost = totals_->lost.load(std::memory_order_relaxed);
    f.overlaps = totals_->disturbed.load(std::memory_order_relaxed);
    f.not_recorded = totals_->entries.load(std::memory_order_relaxed) - used();

    std::vector<grant> grants;
    for (std::size_t i = 0; i < used(); ++i) {
        const entry& e = entries_[i];
        const std::uint64_t token = e.token.load(std::memory_order_acquire);
        if (token == 0) continue;
        ++f.leases;
        if (e.seat >= seats_.size()) ++f.overlaps;  // a seat that does not exist is one permit too many
        if (e.found != 0 && !was_killed(life_id::of(e.found))) ++f.overlaps;
        if (e.ticket != 0) {
            ++f.queued;
            grants.push_back({e.seat, token, e.ticket});
        }
    }
    // Tokens count the leases of a seat, so by token is in order of time. First come, first served then means that tickets only
    // grow.
    std::sort(grants.begin(), grants.end(),
              [](const grant& a, const grant& b) { return a.seat != b.seat ? a.seat < b.seat : a.token < b.token; });
    for (std::size_t i = 1; i < grants.size(); ++i) {
        if (grants[i].seat == grants[i - 1].seat && grants[i].ticket <= grants[i - 1].ticket) ++f.inversions;
    }
    return f;
}

std::optional<std::int64_t> journal::next_lease(std::uint32_t seat, std::uint64_t token) const {
    const entry* next = nullptr;
    std::uint64_t next_token = 0;
    for (std::size_t i = 0; i < used(); ++i) {
        const std::uint64_t t = entries_[i].token.load(std::memory_order_acquire);
        if (t <= token || entries_[i].seat != seat || (next != nullptr && t >= next_token)) continue;
        next = &entries_[i];
        next_token = t;
    }
    return next == nullptr ? std::nullopt : std::optional(next->at);
}

}  // namespace demo
