#include "core/snapshot.hpp"

#include <algorithm>

#include "core/events.hpp"
#include "core/lease_record.hpp"
#include "core/reaper.hpp"
#include "core/wait_queue.hpp"

namespace shmsem::core {

using layout::node_state;
using layout::node_word;
using layout::slot_word;

namespace {

constexpr auto relaxed = std::memory_order_relaxed;

duration since(const layout::word64& ns, os::instant now) noexcept {
    return std::max(duration::zero(), duration(os::elapsed(os::instant_of_ns(ns.load(relaxed)), now)));
}

std::string command_of(attachment& home, layout::process_index p) {
    return home.view().has_process(p) ? home.view().process(p).command.load() : std::string{};
}

std::uint32_t pid_of(attachment& home, layout::process_index p) noexcept {
    return home.view().has_process(p) ? home.view().process(p).pid.load(relaxed) : 0;
}

std::string tenant_name(attachment& home, std::uint32_t id) {
    return id == 0 || id > home.view().sizes().tenants ? std::string{} : home.view().tenant(id - 1).name.load();
}

holder_info holder_of(attachment& home, const semaphore_info& info, std::uint32_t s, slot_word w, os::instant now) {
    const layout::slot& slot = home.view().slot(s);
    const bool described = layout::tagged_seq(slot.tag.load(std::memory_order_acquire)) == w.seq;
    holder_info h;
    h.seat = s - info.range.first;
    h.token = token_of(slot.seq_high.load(relaxed), w.seq);
    h.process = w.process;
    h.pid = pid_of(home, w.process);
    h.command = command_of(home, w.process);
    if (described) {
        h.tid = slot.tid.load(relaxed);
        h.tenant = tenant_name(home, slot.tenant.load(relaxed));
        h.label = slot.label.load();
        h.held = since(slot.acquired_ns, now);
    }
    h.ttl_left =
        w.deadline.none() ? forever : std::max(duration::zero(), duration(home.clock().instant_of(w.deadline, now) - now));
    h.state = layout::name_of(w.state);
    h.life = os::name_of(home.member().life_of(w.process));
    return h;
}

}  // namespace

semaphore_stats stats_of(attachment& home, std::uint32_t index) {
    semaphore_stats s;
    if (!home.ready(index)) return s;
    const semaphore_info& info = home.info(index);
    const layout::semaphore_block& block = home.view().semaphore(index);
    s.waiting = std::min(static_cast<std::uint32_t>(block.gate.load(relaxed) & layout::gate::count_mask),
                         home.view().sizes().waiters);
    s.total_queued = block.queued.load(relaxed);
    s.total_granted = block.granted.load(relaxed);
    s.total_expired = block.expired.load(relaxed);
    s.total_reaped = block.reaped.load(relaxed);
    s.total_ended = block.ended.load(relaxed);
    s.total_timed_out = block.timed_out.load(relaxed);
    s.total_cancelled = block.cancelled.load(relaxed);
    s.inversions = block.inversions.load(relaxed);
    s.recoveries = block.recoveries.load(relaxed);
    for (std::size_t b = 0; b < histogram_buckets; ++b) {
        s.wait[b] = block.wait[b].load(relaxed);
        s.hold[b] = block.hold[b].load(relaxed);
    }
    if (info.kind == kind::ownerless) {
        const auto count = layout::count_word::unpack(block.count.load(relaxed));
        s.capacity = info.max_count;
        s.available = count.count;
        s.total_acquired = s.total_granted;
        return s;
    }
    s.capacity = permits_in(info);
    for (std::uint32_t i = 0; i < info.range.capacity; ++i) {
        const layout::slot& slot = home.view().slot(info.range.first + i);
        const slot_word w = slot_word::unpack(slot.word.load(std::memory_order_acquire));
        if (w.owned()) ++s.acquired;
        if (w.state == layout::slot_state::open) ++s.available;
        s.total_acquired += token_of(slot.seq_high.load(relaxed), w.seq);  // a slot's token counts its acquisitions
    }
    const std::uint64_t ended = s.acquired + s.total_expired + s.total_reaped + s.total_ended;
    s.total_released = s.total_acquired > ended ? s.total_acquired - ended : 0;
    s.percent = s.capacity == 0 ? 0 : 100.0 * s.acquired / s.capacity;
    return s;
}

semaphore_snapshot snapshot_of(attachment& home, std::uint32_t index) {
    semaphore_snapshot snap;
    if (!home.ready(index)) return snap;
    const semaphore_info& info = home.info(index);
    const layout::semaphore_block& block = home.view().semaphore(index);
    const os::instant now = os::now();
    snap.name = block.name.load();
    snap.kind = info.kind;
    snap.order = info.order;
    snap.renewal = info.renewal;
    snap.ttl = info.ttl_ticks == 0 ? forever : layout::duration_of(info.ttl_ticks);
    snap.max_hold = info.max_hold_ticks == 0 ? forever : layout::duration_of(info.max_hold_ticks);
    snap.max_permits = info.kind == kind::leased ? info.range.capacity : info.max_count.load(relaxed);
    snap.max_waiters = info.max_waiters;
    snap.paused = paused(block);
    snap.stats = stats_of(home, index);
    for (std::uint32_t i = 0; info.kind == kind::leased && i < info.range.capacity; ++i) {
        const std::uint32_t s = info.range.first + i;
        const slot_word w = slot_word::unpack(home.view().slot(s).word.load(std::memory_order_acquire));
        if (w.owned()) snap.holders.push_back(holder_of(home, info, s, w, now));
    }
    for (std::uint32_t n = 0; n < home.view().sizes().waiters; ++n) {
        const layout::node& node = home.view().node(n);
        const node_word w = node_word::unpack(node.word.load(std::memory_order_acquire));
        if (w.state != node_state::waiting || node.semaphore.load(relaxed) != index) continue;
        snap.waiters.push_back({.ticket = node.ticket.load(relaxed),
                                .process = w.process,
                                .pid = pid_of(home, w.process),
                                .tid = node.tid.load(relaxed),
                                .command = command_of(home, w.process),
                                .tenant = tenant_name(home, node.tenant.load(relaxed)),
                                .label = node.label.load(),
                                .permits = node.permits.load(relaxed),
                                .waited = since(node.enqueued_ns, now)});
    }
    std::sort(snap.waiters.begin(), snap.waiters.end(), [](const auto& a, const auto& b) { return a.ticket < b.ticket; });
    return snap;
}

segment_snapshot snapshot_of(attachment& home) {
    segment_snapshot snap;
    const os::instant now = os::now();
    snap.name = home.name();
    snap.id = home.id();
    snap.layout_version = layout::layout_version;
    snap.bytes = home.view().places().total;
    snap.limits = home.view().sizes();
    snap.age = std::max(duration::zero(), duration(now - home.clock().epoch() - layout::tick_length));
    for (layout::process_index p = 0; p < home.member().used(); ++p) {
        const layout::process_entry& e = home.view().process(p);
        const layout::entry_word w = home.member().entry(p);
        if (w.state == layout::entry_state::free) continue;
        snap.processes.push_back({.index = p,
                                  .pid = e.pid.load(relaxed),
                                  .uid = e.uid.load(relaxed),
                                  .pid_namespace = e.pid_namespace.load(relaxed),
                                  .command = e.command.load(),
                                  .state = layout::name_of(w.state),
                                  .life = os::name_of(home.member().life_of(p)),
                                  .attached = since(e.joined_ns, now)});
    }
    for (std::uint32_t i = 0; i < semaphores_used(home); ++i) {
        if (home.ready(i)) snap.semaphores.push_back(snapshot_of(home, i));
    }
    std::stable_sort(snap.semaphores.begin(), snap.semaphores.end(), [](const auto& a, const auto& b) {
        return a.stats.percent != b.stats.percent ? a.stats.percent > b.stats.percent : a.stats.waiting > b.stats.waiting;
    });
    snap.events = events_of(home);
    return snap;
}

}  // namespace shmsem::core
