#include "core/leases.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include "core/fast_path.hpp"

namespace shmsem::core {

using layout::slot_state;
using layout::slot_word;
using layout::tick;

namespace {

constexpr auto relaxed = std::memory_order_relaxed;

template <class Visit>
void each_permit(const lease_record& lease, Visit&& visit) {
    if (!lease.all) {
        visit(permit{lease.slot, lease.word, lease.token});
        return;
    }
    for (std::uint32_t i = 0; i < lease.permits; ++i) visit(lease.all[i]);
}

// seq alone comes round after 2^17 acquisitions; the token does not.
bool same_token(const layout::slot& slot, slot_word word, std::uint64_t token) noexcept {
    return token_of(slot.seq_high.load(std::memory_order_acquire), word) == token;
}

// The ttl by which an owned slot is renewed. Before the lease is described, the shortest that it can be.
std::uint32_t ttl_of(attachment& home, const semaphore_info& info, const layout::slot& slot, slot_word w, bool described) noexcept {
    if (described) return slot.ttl_ticks.load(relaxed);
    const std::uint32_t n = slot.granted_to.load(relaxed);
    if (w.granted() && home.view().has_node(n)) return home.view().node(n).ttl_ticks.load(relaxed);
    const std::uint32_t shortest = home.shortest_ttl();
    return shortest == 0 ? info.ttl_ticks : std::min(info.ttl_ticks, shortest);
}

}  // namespace

constinit thread_local thread_habits the_habits;

void form_habits(std::uint64_t identity) noexcept {
    thread_habits& mine = the_habits;
    mine.tid = os::thread_identity::current().tid();
    // Threads start at places of their own, so that those who do not compete for the last permit share no line.
    if (mine.identity == 0) mine.slot = mine.tid * 0x9e3779b1U >> 8;
    mine.identity = identity;
}

fast_result search_slots(attachment& home, const semaphore_info& info, std::uint64_t identity, layout::tick until, const description& d,
                         os::instant now, bool at_wrap, lease_record& lease) noexcept {
    thread_habits& habit = habits(identity);
    const std::uint32_t start = habit.slot % info.range.capacity;
    constexpr int enough = 64;  // hints that lead nowhere: the queue's lock clears them
    int misses = 0;
    bool gave_up = false;
    hints(home.view(), info.range).each(start, [&](std::uint32_t s) {
        if (take_slot(home, s, identity, until, d, now, habit.tid, lease, at_wrap)) {
            habit.slot = s - info.range.first;
            return true;
        }
        gave_up = ++misses > enough;
        return gave_up;
    });
    if (lease.home != nullptr) return fast_result::taken;
    return at_wrap || gave_up ? fast_result::must_queue : fast_result::none_open;
}

void give_up_slot(attachment& home, std::uint32_t index, std::uint64_t identity, std::uint32_t s, slot_word word) noexcept {
    std::uint64_t bits = word.pack();
    home.view().slot(s).word.compare_exchange_strong(bits, word.ended().pack());
    hints(home.view(), home.info(index).range).set(s);
    look_at_gate(home, index, identity);
}

void set_label(layout::slot& slot, std::string_view label) noexcept { slot.label.store(label); }

void note_precise_start(attachment& home, const lease_record& lease) noexcept {
    const auto precise = static_cast<std::uint64_t>(os::now().time_since_epoch().count());
    home.view().slot(lease.slot).acquired_ns.store(precise, relaxed);
}

void add_to_histogram(layout::stored_histogram& h, os::nanoseconds value, std::uint32_t weight) noexcept {
    const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(value.count() / 1000, 0));
    const auto bucket = us < 2 ? 0U : static_cast<std::uint32_t>(std::bit_width(us)) - 1;
    h[std::min<std::size_t>(bucket, h.size() - 1)].fetch_add(weight, relaxed);
}

void record_hold(attachment& home, const lease_record& lease) noexcept {
    const layout::slot& slot = home.view().slot(lease.slot);
    const os::instant since{os::nanoseconds{static_cast<std::int64_t>(slot.acquired_ns.load(relaxed))}};
    add_to_histogram(home.view().semaphore(lease.semaphore).hold, os::now() - since, hold_weight(lease.token, lease.ticket != 0));
}

bool give_back_changed(attachment& home, std::uint32_t s, std::uint64_t word, std::uint64_t token) noexcept {
    layout::slot& slot = home.view().slot(s);
    const slot_word mine = slot_word::unpack(word);
    std::uint64_t bits = slot.word.load(relaxed);
    while (slot_word::unpack(bits).same_lease(mine) && same_token(slot, slot_word::unpack(bits), token)) {
        if (slot.word.compare_exchange_weak(bits, slot_word::unpack(bits).ended().pack(), std::memory_order_seq_cst)) return true;
    }
    return false;
}

bool release_many(const lease_record& lease) noexcept {
    attachment& home = *lease.home;
    record_hold(home, lease);
    bool all = true;
    each_permit(lease, [&](permit p) { all = give_back(home, home.info(lease.semaphore), p.slot, p.word, p.token) && all; });
    look_at_gate(home, lease.semaphore, lease.identity);
    return all;
}

renewed renew_slot(attachment& home, const semaphore_info& info, std::uint32_t s, slot_word seen, bool force) noexcept {
    layout::slot& slot = home.view().slot(s);
    if (seen.deadline.none() || seen.detached()) return renewed::not_due;
    const bool described = !seen.granted() && slot.tag.load(std::memory_order_acquire) == seen.seq;
    const std::uint32_t ttl = ttl_of(home, info, slot, seen, described);
    if (ttl == 0) return renewed::not_due;
    const os::instant now = os::now();
    const tick at = home.clock().at(now);
    tick until = layout::tick_clock::after(at, ttl);
    if (info.max_hold_ticks != 0 && described) {
        const os::instant since{os::nanoseconds{static_cast<std::int64_t>(slot.acquired_ns.load(relaxed))}};
        const tick cap = layout::tick_clock::after(home.clock().at(since), info.max_hold_ticks);
        if (cap.reached_by(until)) until = cap;
    }
    const auto left = static_cast<std::int32_t>(seen.deadline.value - at.value);
    if (!force && left > static_cast<std::int32_t>(ttl - ttl / 3)) return renewed::not_due;
    if (until == seen.deadline || seen.deadline.reached_by(until) == false) return force ? renewed::yes : renewed::not_due;
    std::uint64_t bits = seen.pack();
    if (!slot.word.compare_exchange_strong(bits, seen.until(until).pack())) return renewed::no;
    os::kill_point("renew.done");
    return renewed::yes;
}

bool renew(lease_record& lease) noexcept {
    if (!ours(lease)) return false;
    attachment& home = *lease.home;
    const semaphore_info& info = home.info(lease.semaphore);
    bool all = true;
    const auto one = [&](std::uint32_t s, std::uint64_t& word, std::uint64_t token) {
        layout::slot& slot = home.view().slot(s);
        for (;;) {
            const slot_word seen = slot_word::unpack(slot.word.load(std::memory_order_acquire));
            if (!seen.same_lease(slot_word::unpack(word)) || !same_token(slot, seen, token)) return false;
            if (renew_slot(home, info, s, seen, true) != renewed::no) {
                word = slot.word.load(relaxed);
                return slot_word::unpack(word).same_lease(seen);
            }
        }
    };
    if (!lease.all) return one(lease.slot, lease.word, lease.token);
    for (std::uint32_t i = 0; i < lease.permits; ++i) all = one(lease.all[i].slot, lease.all[i].word, lease.all[i].token) && all;
    if (!all) (void)release(lease);  // all or none
    return all;
}

os::instant expiry(const lease_record& lease) noexcept {
    if (!ours(lease)) return {};
    os::instant earliest = os::never;
    each_permit(lease, [&](permit p) {
        const layout::slot& slot = lease.home->view().slot(p.slot);
        const slot_word seen = slot_word::unpack(slot.word.load(std::memory_order_acquire));
        if (!seen.same_lease(slot_word::unpack(p.word)) || !same_token(slot, seen, p.token)) {
            earliest = {};
        } else if (!seen.deadline.none()) {
            earliest = std::min(earliest, lease.home->clock().instant_of(seen.deadline, os::now()));
        }
    });
    return earliest;
}

// The slots of a detached lease form a chain through tid, which only describes.
bool detach(const lease_record& lease) noexcept {
    if (!ours(lease)) return false;
    std::uint32_t next = layout::none;
    for (std::uint32_t i = lease.permits; i-- > 0;) {
        const permit p = lease.all ? lease.all[i] : permit{lease.slot, lease.word, lease.token};
        layout::slot& slot = lease.home->view().slot(p.slot);
        const slot_word mine = slot_word::unpack(p.word);
        std::uint64_t bits = slot.word.load(std::memory_order_acquire);
        slot_word seen = slot_word::unpack(bits);
        if (!seen.same_lease(mine) || !same_token(slot, seen, p.token)) return false;
        slot.tid.store(next, relaxed);
        // release: an adopter that sees it detached sees the chain.
        while (!slot.word.compare_exchange_weak(bits, seen.become(slot_state::detached).pack())) {
            seen = slot_word::unpack(bits);
            if (!seen.same_lease(mine)) return false;
        }
        next = p.slot;
    }
    return true;
}

namespace {

// One CAS from detached to held by us: of all adopters, of whatever process, one succeeds.
bool adopt_slot(attachment& home, std::uint64_t identity, layout::process_index from, permit& p) noexcept {
    layout::slot& slot = home.view().slot(p.slot);
    std::uint64_t bits = slot.word.load(std::memory_order_acquire);
    const std::uint32_t seq = slot_word::unpack(bits).seq;
    const std::uint32_t ttl = slot.ttl_ticks.load(relaxed);
    slot_word mine;
    do {
        mine = slot_word::unpack(bits);
        if (!mine.detached() || mine.process != from || mine.seq != seq) return false;
        mine = mine.become(slot_state::held);
        mine.process = robust::index_in(identity);
        if (!mine.deadline.none()) mine.deadline = layout::tick_clock::after(home.clock().at(os::now()), ttl);
    } while (!slot.word.compare_exchange_weak(bits, mine.pack()));
    home.note_ttl(ttl);
    slot.tid.store(habits(identity).tid, relaxed);
    p.word = mine.pack();
    p.token = token_of(slot.seq_high.load(std::memory_order_acquire), mine);
    return true;
}

}  // namespace

bool adopt(attachment& home, std::uint32_t index, std::uint64_t identity, std::uint32_t first, std::uint64_t word,
           std::uint32_t permits, std::uint64_t token, lease_record& lease) noexcept {
    const layout::slot_range& range = home.info(index).range;
    const slot_word from = slot_word::unpack(word);
    const auto inside = [&range](std::uint32_t s) { return s >= range.first && s - range.first < range.capacity; };
    if (!inside(first) || permits == 0 || permits > range.capacity) return false;
    const layout::slot& slot = home.view().slot(first);
    const slot_word seen = slot_word::unpack(slot.word.load(std::memory_order_acquire));
    if (!seen.same_lease(from) || !same_token(slot, seen, token)) return false;
    const std::uint64_t acquired = slot.acquired_ns.load(relaxed);  // the same for all permits of one lease

    lease = {.home = &home, .semaphore = index, .slot = first, .seat = first - range.first, .permits = 0, .word = 0,
             .token = token, .identity = identity, .ticket = 0, .all = nullptr};
    if (permits > 1) lease.all.reset(new (std::nothrow) permit[permits]);
    if (permits > 1 && !lease.all) return false;
    permit p{.slot = first, .word = 0, .token = 0};
    while (lease.permits < permits && inside(p.slot) && home.view().slot(p.slot).acquired_ns.load(relaxed) == acquired) {
        const std::uint32_t next = home.view().slot(p.slot).tid.load(relaxed);
        if (!adopt_slot(home, identity, from.process, p)) break;
        if (lease.permits == 0) lease.word = p.word;
        if (lease.all) lease.all[lease.permits] = p;
        ++lease.permits;
        p.slot = next;
    }
    if (lease.permits == permits) return true;
    if (lease.permits > 0) (void)release(lease);  // all or none: the rest expired meanwhile
    lease.permits = 0;
    return false;
}

}  // namespace shmsem::core
