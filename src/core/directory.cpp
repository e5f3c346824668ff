#include "core/directory.hpp"

#include <string>

#include "core/reaper.hpp"
#include "os/testing.hpp"

namespace shmsem::core {

using layout::directory_state;

namespace {

constexpr auto relaxed = std::memory_order_relaxed;

constexpr os::nanoseconds patience{10'000'000'000};  // with a process that is stopped while it makes a semaphore

constexpr std::uint32_t raw(directory_state s) noexcept { return static_cast<std::uint32_t>(s); }

std::uint32_t hash_of(std::string_view name) noexcept {
    std::uint32_t h = 2166136261U;  // FNV-1a
    for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 16777619U;
    return h;
}

std::uint32_t look_up(attachment& home, std::string_view name) noexcept {
    const std::uint32_t hash = hash_of(name);
    for (std::uint32_t i = 0; i < semaphores_used(home); ++i) {
        const layout::semaphore_block& block = home.view().semaphore(i);
        if (block.state.load(std::memory_order_acquire) == raw(directory_state::ready) &&
            block.name_hash.load(relaxed) == hash && block.name.load() == name) {
            return i;
        }
    }
    return layout::none;
}

// Where the slots and hints of all leased semaphores end: they are never given back, so new ones go behind.
struct ends {
    std::uint64_t slots = 0;
    std::uint64_t hints = 0;
};
ends end_of_slots(attachment& home) noexcept {
    ends e;
    for (std::uint32_t i = 0; i < semaphores_used(home); ++i) {
        const layout::semaphore_block& block = home.view().semaphore(i);
        if (block.state.load(relaxed) != raw(directory_state::ready)) continue;
        const layout::slot_range r = layout::slots_of(home.view(), block);
        e.slots = std::max<std::uint64_t>(e.slots, std::uint64_t{r.first} + r.capacity);
        e.hints = std::max<std::uint64_t>(e.hints, std::uint64_t{r.first_hint} + r.hint_words());
    }
    return e;
}

void fill_slots(attachment& home, const layout::slot_range& range, std::uint32_t permits) noexcept {
    for (std::uint32_t i = 0; i < range.capacity; ++i) {
        const auto state = i < permits ? layout::slot_state::open : layout::slot_state::closed;
        home.view()
            .slot(range.first + i)
            .word.store(layout::slot_word{.state = state, .process = 0, .seq = 0, .deadline = {}}.pack(), relaxed);
    }
    for (std::uint32_t w = 0; w < range.hint_words(); ++w) home.view().hint(range.first_hint + w).store(0, relaxed);
    for (std::uint32_t i = 0; i < permits; ++i)
        home.view().hint(range.first_hint + i / 64).fetch_or(1ULL << (i % 64), relaxed);
}

//                                     dies after         a survivor's repair_directory() does
//   1 state free -> making            directory.making   state -> free
//   2 everything else                 -                  the same; slots beyond the last ready semaphore are nobody's
//   3 state making -> ready  COMMIT   directory.ready    nothing
std::uint32_t make(attachment& home, std::string_view name, const semaphore_plan& plan, std::error_code& ec) noexcept {
    std::uint32_t index = 0;
    const std::uint32_t limit = home.view().sizes().semaphores;
    while (index < limit && home.view().semaphore(index).state.load(relaxed) != raw(directory_state::free)) ++index;
    if (index == limit) {
        ec = home.cause(errc::too_many_semaphores);
        return layout::none;
    }
    const bool leased = plan.kind == kind::leased;
    const ends e = end_of_slots(home);
    layout::slot_range range{};
    if (leased) {
        const std::uint64_t room =
            home.view().sizes().permits - std::min<std::uint64_t>(e.slots, home.view().sizes().permits);
        if (room < plan.least_capacity) {
            ec = errc::too_many_permits;
            return layout::none;
        }
        range = {.first = static_cast<std::uint32_t>(e.slots),
                 .capacity = static_cast<std::uint32_t>(std::min<std::uint64_t>(room, plan.capacity)),
                 .first_hint = static_cast<std::uint32_t>(e.hints)};
        // Each semaphore begins a word of its own, for which there is room: else one of the others is damaged.
        if (e.hints + range.hint_words() > home.view().places().hint_words) {
            ec = errc::segment_corrupt;
            return layout::none;
        }
    }
    layout::semaphore_block& block = home.view().semaphore(index);
    block.state.store(raw(directory_state::making), relaxed);
    os::kill_point("directory.making");
    block.name.store(name);
    block.name_hash.store(hash_of(name), relaxed);
    block.generation.store(std::max(1U, block.generation.load(relaxed) + 1), relaxed);
    block.kind.store(static_cast<std::uint32_t>(plan.kind), relaxed);
    block.order.store(static_cast<std::uint32_t>(plan.order), relaxed);
    block.renewal.store(static_cast<std::uint32_t>(plan.renewal), relaxed);
    block.first_slot.store(range.first, relaxed);
    block.capacity.store(range.capacity, relaxed);
    block.first_hint.store(range.first_hint, relaxed);
    block.permits.store(leased ? plan.permits : 0, relaxed);
    block.ttl_ticks.store(plan.ttl_ticks, relaxed);
    block.shortest_ttl.store(plan.ttl_ticks, relaxed);
    block.max_hold_ticks.store(plan.max_hold_ticks, relaxed);
    block.max_waiters.store(plan.max_waiters, relaxed);
    block.max_count.store(leased ? 0 : plan.capacity, relaxed);
    block.gate.store(0, relaxed);
    block.count.store(layout::count_word{}.with(leased ? 0 : plan.permits).pack(), relaxed);
    block.lock.store(0, relaxed);
    block.head.store(layout::none, relaxed);
    block.tail.store(layout::none, relaxed);
    for (layout::word64* total :
         {&block.next_ticket, &block.last_granted, &block.queued, &block.granted, &block.inversions, &block.recoveries,
          &block.expired, &block.reaped, &block.ended, &block.timed_out, &block.cancelled}) {
        total->store(0, relaxed);
    }
    for (auto& bucket : block.wait) bucket.store(0, relaxed);
    for (auto& bucket : block.hold) bucket.store(0, relaxed);
    if (leased) fill_slots(home, range, plan.permits);
    auto& used = home.view().header().semaphores_used;
    if (used.load(relaxed) <= index) used.store(index + 1, std::memory_order_release);
    // release: pairs with the acquire in look_up() and attachment::ready(); all of the above is visible to who sees it ready.
    block.state.store(raw(directory_state::ready), std::memory_order_release);
    os::kill_point("directory.ready");
    return index;
}

template <class Body>
bool in_directory(attachment& home, const robust::lock_wait& wait, std::error_code& ec, Body&& body) noexcept {
    const std::uint64_t identity = home.join(ec);
    if (identity == 0) return false;
    robust::robust_lock lock(home.member(), identity, home.view().header().directory_lock);
    const auto got = lock.lock(wait);
    if (got == robust::lock_result::timed_out) {
        ec = errc::timed_out;
        return false;
    }
    if (got == robust::lock_result::owner_died) repair_directory(home);
    body();
    return true;
}

}  // namespace

void repair_directory(attachment& home) noexcept {
    home.view().header().directory_recoveries.fetch_add(1, relaxed);
    for (std::uint32_t i = 0; i < home.view().sizes().semaphores; ++i) {
        std::uint32_t making = raw(directory_state::making);
        home.view().semaphore(i).state.compare_exchange_strong(making, raw(directory_state::free));
    }
    for (std::uint32_t i = 0; i < home.view().sizes().tenants; ++i) {
        std::uint32_t making = raw(directory_state::making);
        home.view().tenant(i).state.compare_exchange_strong(making, raw(directory_state::free));
    }
}

std::uint32_t find_semaphore(attachment& home, std::string_view name, std::error_code& ec) noexcept {
    const std::uint32_t index = look_up(home, name);
    if (index == layout::none) {
        ec = home.cause(errc::semaphore_not_found);
        return layout::none;
    }
    if (!home.ready(index)) {
        ec = home.cause(errc::segment_corrupt);
        return layout::none;
    }
    return index;
}

std::uint32_t find_or_make_semaphore(attachment& home, std::string_view name, const semaphore_plan& plan, bool& made,
                                     std::error_code& ec) noexcept {
    made = false;
    std::uint32_t index = look_up(home, name);
    if (index == layout::none) {
        const bool entered = in_directory(home, os::after(os::now(), patience), ec, [&] {
            index = look_up(home, name);  // somebody else may have been faster
            if (index != layout::none) return;
            index = make(home, name, plan, ec);
            made = index != layout::none;
        });
        if (!entered || index == layout::none) return layout::none;
    }
    if (!home.ready(index)) {
        ec = home.cause(errc::segment_corrupt);
        return layout::none;
    }
    return index;
}

void remove_semaphore(attachment& home, std::uint32_t index, std::uint32_t generation) noexcept {
    std::error_code ignored;
    in_directory(home, os::after(os::now(), patience), ignored, [&] {
        layout::semaphore_block& block = home.view().semaphore(index);
        if (block.generation.load(relaxed) != generation || block.kind.load(relaxed) == 0) return;
        block.state.store(raw(directory_state::free), std::memory_order_release);
    });
}

//                                     dies after         a survivor's repair_directory() does
//   1 state free -> making            directory.tenant   state -> free
//   2 everything else                 -                  the same
//   3 state making -> ready  COMMIT   -                  nothing
std::uint32_t tenant_id(attachment& home, std::string_view name, const robust::lock_wait& wait,
                        std::error_code& ec) noexcept {
    if (name.empty()) return 0;
    const std::uint32_t limit = home.view().sizes().tenants;
    const auto find = [&]() noexcept -> std::uint32_t {
        const std::uint32_t used = std::min(home.view().header().tenants_used.load(std::memory_order_acquire), limit);
        for (std::uint32_t i = 0; i < used; ++i) {
            const layout::tenant& t = home.view().tenant(i);
            if (t.state.load(std::memory_order_acquire) == raw(directory_state::ready) && t.name.load() == name)
                return i + 1;
        }
        return 0;
    };
    std::uint32_t id = find();
    if (id != 0) return id;
    in_directory(home, wait, ec, [&] {
        if ((id = find()) != 0) return;
        std::uint32_t i = 0;
        while (i < limit && home.view().tenant(i).state.load(relaxed) != raw(directory_state::free)) ++i;
        if (i == limit) {
            ec = home.cause(errc::too_many_tenants);
            return;
        }
        layout::tenant& t = home.view().tenant(i);
        t.state.store(raw(directory_state::making), relaxed);
        os::kill_point("directory.tenant");
        t.name.store(name);
        auto& used = home.view().header().tenants_used;
        if (used.load(relaxed) <= i) used.store(i + 1, std::memory_order_release);
        t.state.store(raw(directory_state::ready), std::memory_order_release);
        id = i + 1;
    });
    return id;
}

}  // namespace shmsem::core
