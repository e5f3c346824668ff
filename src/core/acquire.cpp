#include "core/acquire.hpp"

#include "core/events.hpp"
#include "core/fast_path.hpp"
#include "core/waiting.hpp"
#include "os/probe.hpp"

namespace shmsem::core {

using layout::node_state;
using layout::node_word;
using layout::slot_word;

namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr os::nanoseconds stopped_waiters_grace{50'000'000};  // after its deadline a waiter leaves by itself, if it runs

// Granted slots become held ones. @return false when any was lost before it could be taken over: then none is kept
bool take_over(const semaphore_info& info, const claimed_node& mine, const wait_request& request, std::uint64_t identity,
               lease_record& lease) noexcept {
    const layout::node& node = mine.node();
    const std::uint32_t first = node.first_slot.load(relaxed);
    const layout::slot_range& range = info.range;
    const os::instant granted = os::instant_of_ns(node.granted_ns.load(relaxed));
    std::uint32_t got = 0;
    for (std::uint32_t k = 0; k < range.capacity && got < request.permits; ++k) {
        // The slots of one grant usually follow the first.
        const std::uint32_t start = first - range.first < range.capacity ? first - range.first : 0;
        const std::uint32_t seat = (start + k) % range.capacity;
        layout::slot& slot = info.slots[seat];
        const std::uint32_t high = slot.seq_high.load(std::memory_order_acquire);
        std::uint64_t bits = slot.word.load(std::memory_order_acquire);
        slot_word w = slot_word::unpack(bits);
        if (!w.granted() || w.process != mine.word().process || slot.granted_to.load(relaxed) != mine.index()) continue;
        // Described before it is held, so that no renewal of a held slot goes by the last lease's ttl.
        describe(slot, request.what, granted, node.tid.load(relaxed));
        end_description(slot, w.seq, request.what.ttl_ticks);
        // Renewed or told to retire meanwhile, it is still the same grant; reaped and granted anew, it is another's.
        const slot_word granted_to_us = w;
        bool held = false;
        while (w.granted() && w.same_lease(granted_to_us) &&
               !(held = slot.word.compare_exchange_weak(bits, w.become(layout::slot_state::held).pack()))) {
            w = slot_word::unpack(bits);
        }
        if (!held) continue;
        w = w.become(layout::slot_state::held);
        if (slot.seq_high.load(std::memory_order_acquire) != high) {  // as in take_slot()
            undo_take(info, seat, w.pack(), true);
            continue;
        }
        const std::uint64_t token = token_of(high, w.seq);
        if (lease.all) lease.all[got] = {seat, w.pack(), token};
        if (got++ == 0) {
            lease.seat = seat;
            lease.word = w.pack();
            lease.token = token;
        }
    }
    lease.of = &info;
    lease.identity = identity;
    lease.ticket = node.ticket.load(relaxed);
    lease.permits = got;
    lease.timed = 1;
    if (got == request.permits) return true;
    for (std::uint32_t i = 0; i < got; ++i) {
        const permit p = lease.all ? lease.all[i] : permit{lease.seat, lease.word, lease.token};
        (void)give_back(info, p);
    }
    lease.of = nullptr;
    return false;
}

}  // namespace

wait_result wait_in_queue(attachment& home, std::uint32_t index, std::uint64_t identity, const wait_request& request,
                          lease_record& lease, std::error_code& ec) noexcept {
    const semaphore_info& info = home.info(index);
    layout::semaphore_block& block = *info.block;
    if (request.permits > 1 && !lease.all) {
        lease.all.reset(new (std::nothrow) permit[request.permits]);
        if (!lease.all) {
            ec = std::make_error_code(std::errc::not_enough_memory);
            return wait_result::failed;
        }
    }
    claimed_node mine(home, robust::index_in(identity));
    if (!mine.found()) {
        ec = home.cause(errc::too_many_waiters);
        return wait_result::failed;
    }
    const os::instant enqueued = os::now();
    layout::node& node = mine.node();
    node.semaphore.store(index, relaxed);
    node.processor.store(layout::none, relaxed);
    node.permits.store(request.permits, relaxed);
    node.ttl_ticks.store(request.what.ttl_ticks, relaxed);
    node.tenant.store(request.what.tenant, relaxed);
    node.tid.store(os::thread_identity::current().tid(), relaxed);
    node.enqueued_ns.store(static_cast<std::uint64_t>(enqueued.time_since_epoch().count()), relaxed);
    node.label.store(request.what.label);
    const os::instant given_up = os::after(std::max(request.until, enqueued), stopped_waiters_grace);
    node.until_ns.store(static_cast<std::uint64_t>(given_up.time_since_epoch().count()), relaxed);

    bool full = false;
    const bool locked = under_lock(home, index, identity, {request.lock_until, request.stop}, [&](wait_queue& queue) {
        os::kill_point("wait.locked");
        if (info.max_waiters != 0 && queue.waiting() >= info.max_waiters) {
            full = true;
            return;
        }
        queue.enqueue(mine.index(), mine.word());
        queue.dispatch();
    });
    const std::uint64_t ticket = node.ticket.load(relaxed);  // while the node is ours
    const auto note = [&](event_kind what, os::instant now, std::uint32_t seat, std::uint64_t token) {
        record(home, {.kind = what,
                      .semaphore = index,
                      .seat = seat,
                      .permits = request.permits,
                      .process = robust::index_in(identity),
                      .token = token,
                      .when = now,
                      .lasted = os::elapsed(enqueued, now)});
    };
    const bool polled = request.until <= enqueued;  // no wait, so no time-out to count
    const auto gone = [&](wait_result how) {
        if (polled) return how;
        const bool cancelled = how == wait_result::cancelled;
        (cancelled ? block.cancelled : block.timed_out).fetch_add(1, relaxed);
        note(cancelled ? event_kind::cancelled : event_kind::timed_out, os::now(), 0, ticket);
        return how;
    };
    if (!locked && home.torn()) {
        ec = errc::segment_truncated;
        return wait_result::failed;
    }
    if (!locked) return gone(request.stop.stop_requested() ? wait_result::cancelled : wait_result::timed_out);
    if (full) {
        ec = errc::too_many_waiters;
        return wait_result::failed;
    }
    wait_result left = wait_result::failed;
    node_state end = mine.state().value_or(node_state::free);
    const bool waited = end == node_state::waiting;
    if (waited) end = wait_until_served(info, identity, mine, request, enqueued, left);
    // Taken out by others, because we were stopped for long after our deadline: as good as timed out.
    if ((end == node_state::free || end == node_state::abandoned) && left == wait_result::failed &&
        os::now() >= request.until) {
        end = node_state::abandoned;
        left = wait_result::timed_out;
    }
    switch (end) {
        case node_state::granted: os::kill_point("wait.granted"); break;
        case node_state::abandoned: {
            // Out of the links, and whoever stood behind is served. If the lock is taken, its owner does it for us.
            const bool done = under_lock(home, index, identity, at_once, [&](wait_queue& queue) {
                queue.remove_abandoned(mine.index(), mine.word().as(node_state::abandoned));
                queue.dispatch();
            });
            if (!done) request_dispatch(home, index, identity);
            return gone(left);
        }
        case node_state::refused:  // the semaphore has shrunk below what was asked for
            ec = errc::invalid_argument;
            return wait_result::failed;
        default: ec = home.cause(errc::segment_corrupt); return wait_result::failed;
    }
    if (info.kind == kind::leased && !take_over(info, mine, request, identity, lease)) {
        // The ttl passed between the grant and this line: we were stopped for that long. Its turn has come and gone; queue again.
        look_at_gate(info, identity);
        return wait_result::timed_out;
    }
    const bool leased = info.kind == kind::leased;
    const os::instant now = os::now();
    if (waited) note(event_kind::granted, now, leased ? lease.seat : 0, leased ? lease.token : ticket);
    SHMSEM_PROBE(acquire, &block, leased ? lease.seat : 0, leased ? lease.token : 0);
    block.last_taken_ns.store(static_cast<std::uint64_t>(now.time_since_epoch().count()), relaxed);
    add_to_histogram(block.wait, now - enqueued, 1);
    os::kill_point("wait.taken");
    return wait_result::granted;
}

}  // namespace shmsem::core
