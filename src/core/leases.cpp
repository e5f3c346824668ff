#include "core/leases.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include "core/fast_path.hpp"
#include "os/probe.hpp"

namespace shmsem::core {

using layout::slot_state;
using layout::slot_word;
using layout::tick;

namespace {

constexpr auto relaxed = std::memory_order_relaxed;

template <class Visit>
void each_permit(const lease_record& lease, Visit&& visit) {
    if (!lease.all) {
        visit(permit{lease.seat, lease.word, lease.token});
        return;
    }
    for (std::uint32_t i = 0; i < lease.permits; ++i) visit(lease.all[i]);
}

// seq alone comes round after 2^17 acquisitions; the token does not.
bool same_token(const layout::slot& slot, slot_word word, std::uint64_t token) noexcept {
    return token_of(slot.seq_high.load(std::memory_order_acquire), word.seq) == token;
}

// The ttl by which an owned slot is renewed. Before the lease is described, the shortest that it can be.
std::uint32_t ttl_of(const semaphore_info& info, const layout::slot& slot, slot_word w, std::uint64_t tag,
                     bool described) noexcept {
    if (described) return layout::tagged_ttl(tag);
    const std::uint32_t n = slot.granted_to.load(relaxed);
    const layout::view& view = info.home->view();
    if (w.granted() && view.has_node(n)) return view.node(n).ttl_ticks.load(relaxed);
    const std::uint32_t shortest = info.home->shortest_ttl();
    return shortest == 0 ? info.ttl_ticks : std::min(info.ttl_ticks, shortest);
}

// By which a lease may be renewed now.
tick next_deadline(const semaphore_info& info, const layout::slot& slot, tick now, std::uint32_t ttl,
                   bool described) noexcept {
    const tick until = layout::tick_clock::after(now, ttl);
    if (info.max_hold_ticks == 0 || !described) return until;
    const os::instant since = os::instant_of_ns(slot.acquired_ns.load(relaxed));
    const tick cap = layout::tick_clock::after(info.clock.at(since), info.max_hold_ticks);
    return cap.reached_by(until) ? cap : until;
}

// Expired is lost, though nobody has taken it back yet: the holder may have been told so.
bool expired(const semaphore_info& info, slot_word w) noexcept {
    return !w.deadline.none() && w.deadline.reached_by(info.clock.at(os::now()));
}

}  // namespace

constinit thread_local thread_habits the_habits;

thread_habits& refresh_habits(const semaphore_info& info, std::uint64_t identity) noexcept {
    thread_habits& mine = the_habits;
    // The clock last: whatever happens after the mark and the stamp were read shows in them.
    mine.running = os::mark_running();
    mine.stamp = info.page->stamp.load(std::memory_order_acquire);
    if (mine.stamp == 0) mine.stamp = ~std::uint64_t{0};  // 0 is that of every page that we are no member by
    mine.now = os::coarse_now();
    mine.tick = info.clock.at(mine.now);
    mine.terms.of = nullptr;
    if (mine.identity != identity) {
        mine.tid = os::thread_identity::current().tid();
        // Threads start at places of their own, so that those who do not compete for the last permit share no line.
        if (mine.identity == 0) mine.seat = mine.tid * 0x9e3779b1U >> 8;
        mine.holder = layout::holder_bits(robust::index_in(identity));
        mine.identity = identity;
    }
    return mine;
}

void undo_take(const semaphore_info& info, std::uint32_t seat, std::uint64_t word, bool described) noexcept {
    layout::slot& slot = info.slots[seat];
    const slot_word ours = slot_word::unpack(word);
    std::uint64_t bits = slot.word.load(relaxed);
    // It may have been renewed meanwhile, told to retire, or be lost. What is described though we have not done it is a later lease.
    while (slot_word::unpack(bits).same_lease(ours) &&
           (described || layout::tagged_seq(slot.tag.load(std::memory_order_acquire)) != ours.seq)) {
        if (!slot.word.compare_exchange_strong(bits, slot_word::unpack(bits).ended().pack())) continue;
        tell_of_open_slot(info, seat, info.home->identity());
        return;
    }
}

fast_result try_fast(const semaphore_info& info, std::uint64_t identity, const description& d,
                     lease_record& lease) noexcept {
    if (!may_enter(info)) return fast_result::gate_closed;
    const bool known = up_to_date(the_habits, *info.page);
    thread_habits& mine = refresh_habits(info, identity);
    const bool cannot_tell = mine.running == &os::never_running;
    permit got;
    constexpr int enough = 64;  // hints that lead nowhere: the queue's lock clears them
    int misses = 0;
    bool at_wrap = false;  // of a slot's seq: only a granter may go beyond
    const auto take = [&](std::uint32_t seat) {
        const std::uint64_t bits = info.slots[seat].word.load(relaxed);
        if (!layout::is_open(bits)) return false;
        if (layout::next_seq(bits) > layout::max_seq) {
            at_wrap = true;
            return false;
        }
        got.seat = seat;
        return take_slot(info, info.slots[seat], bits, mine.holder | first_deadline(mine.tick, d.ttl_ticks).value, got);
    };
    std::uint32_t seat = mine.seat % info.range.capacity;
    bool taken = take(seat);
    if (!taken) {
        hints(info.home->view(), info.range).each(seat, [&](std::uint32_t s) {
            seat = s - info.range.first;
            taken = take(seat);
            return taken || ++misses > enough;
        });
    }
    if (!taken) return at_wrap || misses > enough ? fast_result::must_queue : fast_result::none_open;
    mine.seat = seat;
    layout::slot& slot = info.slots[seat];
    describe(slot, d, mine.now, mine.tid);
    const std::uint32_t seq = layout::seq_of(got.word);
    const std::uint32_t timed = hold_weight(seq, known || (cannot_tell && seq >= measured_first));
    if (timed != 0) slot.acquired_ns.store(static_cast<std::uint64_t>(os::now().time_since_epoch().count()), relaxed);
    end_description(slot, seq, d.ttl_ticks);
    SHMSEM_PROBE(acquire, info.block, seat, got.token);
    const bool usual = d.ttl_ticks == info.ttl_ticks && d.tenant == 0 && d.label.empty() && seat < info.usual_seats;
    if (usual) remember(mine, info, slot, got);
    lease = lease_record({.of = &info,
                          .identity = identity,
                          .usual = timed == 0 ? identity : lease_record::nobody,
                          .seat = seat,
                          .permits = 1,
                          .timed = timed,
                          .watched = 0,
                          .ticket = 0},
                         got.word, got.token);
    return fast_result::taken;
}

void tell_of_open_slot(const semaphore_info& info, std::uint32_t seat, std::uint64_t identity) noexcept {
    hints(info.home->view(), info.range).set(info.range.first + seat);
    look_at_gate(info, identity);
}

void add_to_histogram(layout::stored_histogram& h, os::nanoseconds value, std::uint32_t weight) noexcept {
    constexpr std::uint32_t nearly_full = 1U << 31;
    const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(value.count() / 1000, 0));
    const auto bucket = us < 2 ? 0U : static_cast<std::uint32_t>(std::bit_width(us)) - 1;
    layout::word32& count = h[std::min<std::size_t>(bucket, h.size() - 1)];
    if (count.fetch_add(weight, relaxed) < nearly_full - weight) [[likely]]
        return;
    // All at once, so that the shape stays; two processes that do it together halve it twice, or miss what came in between.
    for (layout::word32& each : h) each.store(each.load(relaxed) / 2, relaxed);
}

bool give_back(const semaphore_info& info, const permit& p) noexcept {
    layout::slot& slot = info.slots[p.seat];
    const auto open = [&slot](std::uint64_t word) { return open_slot(slot, word, slot_word::unpack(word).ended().pack()); };
    bool kept = same_token(slot, slot_word::unpack(p.word), p.token) && open(p.word);
    if (!kept) {  // renewed since, retiring, or lost
        const slot_word mine = slot_word::unpack(p.word);
        std::uint64_t bits = slot.word.load(relaxed);
        while (!kept && slot_word::unpack(bits).same_lease(mine) && same_token(slot, slot_word::unpack(bits), p.token)) {
            kept = open(bits);
            if (!kept) bits = slot.word.load(relaxed);
        }
    }
    if (kept) {
        hints(info.home->view(), info.range).set(info.range.first + p.seat);
        SHMSEM_PROBE(release, info.block, p.seat, p.token);
    }
    return kept;
}

bool release(const lease_record& lease) noexcept {
    if (!ours(lease)) return false;
    const semaphore_info& info = *lease.of;
    if (lease.timed != 0) {
        const os::instant since = os::instant_of_ns(info.slots[lease.seat].acquired_ns.load(relaxed));
        add_to_histogram(info.block->hold, os::elapsed(since, os::now()), lease.timed);
    }
    bool all = true;
    each_permit(lease, [&](permit p) { all = give_back(info, p) && all; });
    if (the_habits.seat != lease.seat) look_first_at(lease.seat);
    look_at_gate(info, lease.identity);
    return all;
}

renewed renew_slot(const semaphore_info& info, layout::slot& slot, slot_word seen, bool force) noexcept {
    if (seen.deadline.none() || seen.detached()) return renewed::not_due;
    const std::uint64_t tag = slot.tag.load(std::memory_order_acquire);
    const bool described = !seen.granted() && layout::tagged_seq(tag) == seen.seq;
    const std::uint32_t ttl = ttl_of(info, slot, seen, tag, described);
    if (ttl == 0) return renewed::not_due;
    const tick at = info.clock.at(os::now());
    const tick until = next_deadline(info, slot, at, ttl, described);
    const auto left = static_cast<std::int32_t>(seen.deadline.value - at.value);
    if (!force && left > static_cast<std::int32_t>(ttl - ttl / 3)) return renewed::not_due;
    if (until == seen.deadline || seen.deadline.reached_by(until) == false) return force ? renewed::yes : renewed::not_due;
    std::uint64_t bits = seen.pack();
    if (!slot.word.compare_exchange_strong(bits, seen.until(until).pack())) return renewed::no;
    SHMSEM_PROBE(renew, info.block, &slot - info.slots, until.value);
    os::kill_point("renew.done");
    return renewed::yes;
}

bool renew(lease_record& lease) noexcept {
    if (!ours(lease)) return false;
    const semaphore_info& info = *lease.of;
    lease.usual = lease_record::nobody;  // its word may be one of a slot that retires from now on
    bool all = true;
    const auto one = [&](std::uint32_t seat, std::uint64_t& word, std::uint64_t token) {
        layout::slot& slot = info.slots[seat];
        for (;;) {
            const slot_word seen = slot_word::unpack(slot.word.load(std::memory_order_acquire));
            if (!seen.same_lease(slot_word::unpack(word)) || !same_token(slot, seen, token) || expired(info, seen))
                return false;
            if (renew_slot(info, slot, seen, true) != renewed::no) {
                word = slot.word.load(relaxed);
                return slot_word::unpack(word).same_lease(seen);
            }
        }
    };
    if (!lease.all) return one(lease.seat, lease.word, lease.token);
    for (std::uint32_t i = 0; i < lease.permits; ++i)
        all = one(lease.all[i].seat, lease.all[i].word, lease.all[i].token) && all;
    if (!all) (void)release(lease);  // all or none
    return all;
}

os::instant expiry(const lease_record& lease) noexcept {
    if (!ours(lease)) return {};
    os::instant earliest = os::never;
    each_permit(lease, [&](permit p) {
        const layout::slot& slot = lease.of->slots[p.seat];
        const slot_word seen = slot_word::unpack(slot.word.load(std::memory_order_acquire));
        if (!seen.same_lease(slot_word::unpack(p.word)) || !same_token(slot, seen, p.token)) {
            earliest = {};
        } else if (!seen.deadline.none()) {
            earliest = std::min(earliest, lease.of->clock.instant_of(seen.deadline, os::now()));
        }
    });
    return earliest;
}

// The slots of a detached lease form a chain through tid, which only describes.
bool detach(const lease_record& lease) noexcept {
    if (!ours(lease)) return false;
    std::uint32_t next = layout::none;
    for (std::uint32_t i = lease.permits; i-- > 0;) {
        const permit p = lease.all ? lease.all[i] : permit{lease.seat, lease.word, lease.token};
        layout::slot& slot = lease.of->slots[p.seat];
        const slot_word mine = slot_word::unpack(p.word);
        slot_word seen = slot_word::unpack(slot.word.load(std::memory_order_acquire));
        if (!seen.same_lease(mine) || !same_token(slot, seen, p.token) || expired(*lease.of, seen)) return false;
        // The last renewal for a while.
        if (lease.of->renewal == renewal::automatic) (void)renew_slot(*lease.of, slot, seen, true);
        std::uint64_t bits = slot.word.load(std::memory_order_acquire);
        seen = slot_word::unpack(bits);
        if (!seen.same_lease(mine)) return false;
        slot.tag.fetch_or(layout::handed_over, relaxed);
        slot.tid.store(next, relaxed);
        // release: an adopter that sees it detached sees the chain.
        while (!slot.word.compare_exchange_weak(bits, seen.become(slot_state::detached).pack())) {
            seen = slot_word::unpack(bits);
            if (!seen.same_lease(mine)) return false;
        }
        next = p.seat;
    }
    return true;
}

namespace {

// One CAS from detached to held by us: of all adopters, of whatever process, one succeeds.
// @param seq  of the lease that is meant
bool adopt_slot(const semaphore_info& info, std::uint64_t identity, layout::process_index from, std::uint32_t seq,
                permit& p) noexcept {
    os::kill_point("adopt.found");
    layout::slot& slot = info.slots[p.seat];
    std::uint64_t bits = slot.word.load(std::memory_order_acquire);
    const std::uint32_t ttl = layout::tagged_ttl(slot.tag.load(relaxed));
    slot_word mine;
    do {
        mine = slot_word::unpack(bits);
        if (!mine.detached() || mine.process != from || mine.seq != seq || expired(info, mine)) return false;
        mine = mine.become(slot_state::held);
        mine.process = robust::index_in(identity);
        if (!mine.deadline.none()) mine.deadline = next_deadline(info, slot, info.clock.at(os::now()), ttl, true);
    } while (!slot.word.compare_exchange_weak(bits, mine.pack()));
    info.home->note_ttl(ttl);
    slot.tid.store(os::thread_identity::current().tid(), relaxed);
    p.word = mine.pack();
    p.token = token_of(slot.seq_high.load(std::memory_order_acquire), mine.seq);
    return true;
}

}  // namespace

bool adopt(const semaphore_info& info, std::uint64_t identity, std::uint32_t first, std::uint64_t word,
           std::uint32_t permits, std::uint64_t token, lease_record& lease) noexcept {
    const layout::slot_range& range = info.range;
    const slot_word from = slot_word::unpack(word);
    if (first >= range.capacity || permits == 0 || permits > range.capacity) return false;
    const layout::slot& slot = info.slots[first];
    const slot_word seen = slot_word::unpack(slot.word.load(std::memory_order_acquire));
    if (!seen.same_lease(from) || !same_token(slot, seen, token)) return false;
    const std::uint64_t acquired = slot.acquired_ns.load(relaxed);  // the same for all permits of one lease

    lease = lease_record({.of = &info,
                          .identity = identity,
                          .usual = lease_record::nobody,
                          .seat = first,
                          .permits = 0,
                          .timed = 1,
                          .watched = 0,
                          .ticket = 0},
                         0, token);
    if (permits > 1) lease.all.reset(new (std::nothrow) permit[permits]);
    if (permits > 1 && !lease.all) return false;
    permit p{.seat = first, .word = 0, .token = 0};
    while (lease.permits < permits && p.seat < range.capacity && info.slots[p.seat].acquired_ns.load(relaxed) == acquired) {
        const std::uint32_t next = info.slots[p.seat].tid.load(relaxed);
        const std::uint32_t seq =
            lease.permits == 0 ? from.seq : slot_word::unpack(info.slots[p.seat].word.load(relaxed)).seq;
        if (!adopt_slot(info, identity, from.process, seq, p)) break;
        if (lease.permits == 0) lease.word = p.word;
        if (lease.all) lease.all[lease.permits] = p;
        ++lease.permits;
        p.seat = next;
    }
    if (lease.permits == permits) return true;
    if (lease.permits > 0) (void)release(lease);  // all or none: the rest expired meanwhile
    lease.permits = 0;
    return false;
}

}  // namespace shmsem::core
