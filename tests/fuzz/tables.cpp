#include "fuzz/tables.hpp"

#include <type_traits>

namespace shmsem::fuzz {
namespace {

using layout::event;
using layout::header;
using layout::node;
using layout::process_entry;
using layout::semaphore_block;
using layout::slot;
using layout::tenant;

constexpr field at(std::size_t offset, std::size_t bytes, meaning what) {
    return {static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(bytes), what};
}

constexpr std::array header_fields{
    at(offsetof(header, ready), 8, meaning::number),
    at(offsetof(header, magic), 8, meaning::number),
    at(offsetof(header, abi), 8, meaning::number),
    at(offsetof(header, version), 4, meaning::number),
    at(offsetof(header, total_size), 8, meaning::number),
    at(offsetof(header, id), 8, meaning::number),
    at(offsetof(header, epoch_ns), 8, meaning::nanoseconds),
    at(offsetof(header, boot), 8, meaning::number),
    at(offsetof(header, processes), 4, meaning::number),
    at(offsetof(header, semaphores), 4, meaning::number),
    at(offsetof(header, permits), 4, meaning::number),
    at(offsetof(header, waiters), 4, meaning::number),
    at(offsetof(header, tenants), 4, meaning::number),
    at(offsetof(header, uid), 4, meaning::number),
    at(offsetof(header, time_namespace), 8, meaning::number),
    at(offsetof(header, name), sizeof(header::name), meaning::text),
    at(offsetof(header, directory_lock), 8, meaning::lock_word),
    at(offsetof(header, semaphores_used), 4, meaning::node),
    at(offsetof(header, processes_used), 4, meaning::node),
    at(offsetof(header, tenants_used), 4, meaning::node),
    at(offsetof(header, directory_recoveries), 8, meaning::number),
    at(offsetof(header, unnamed_made), 8, meaning::number),
    at(offsetof(header, events), 8, meaning::number),
};

constexpr std::array process_fields{
    at(offsetof(process_entry, word), 8, meaning::entry_word),
    at(offsetof(process_entry, life), 4, meaning::thread),
    at(offsetof(process_entry, mailbox), 4, meaning::number),
    at(offsetof(process_entry, pid), 4, meaning::pid),
    at(offsetof(process_entry, uid), 4, meaning::number),
    at(offsetof(process_entry, start_time), 8, meaning::number),
    at(offsetof(process_entry, life_node), 8, meaning::number),
    at(offsetof(process_entry, life_node) + 8, 8, meaning::number),
    at(offsetof(process_entry, sections), 4, meaning::thread),
    at(offsetof(process_entry, sections) + 4, 4, meaning::thread),
    at(offsetof(process_entry, sections) + 8, 4, meaning::thread),
    at(offsetof(process_entry, sections) + 12, 4, meaning::thread),
    at(offsetof(process_entry, pid_namespace), 8, meaning::number),
    at(offsetof(process_entry, boot), 8, meaning::number),
    at(offsetof(process_entry, bell), 4, meaning::thread),
    at(offsetof(process_entry, kernel_signed), 4, meaning::choice),
    at(offsetof(process_entry, command), sizeof(process_entry::command), meaning::text),
    at(offsetof(process_entry, bell_node), 8, meaning::number),
    at(offsetof(process_entry, bell_node) + 8, 8, meaning::number),
    at(offsetof(process_entry, joined_ns), 8, meaning::nanoseconds),
};

constexpr std::array semaphore_fields{
    at(offsetof(semaphore_block, name), sizeof(semaphore_block::name), meaning::text),
    at(offsetof(semaphore_block, state), 4, meaning::choice),
    at(offsetof(semaphore_block, generation), 4, meaning::number),
    at(offsetof(semaphore_block, name_hash), 4, meaning::number),
    at(offsetof(semaphore_block, kind), 4, meaning::choice),
    at(offsetof(semaphore_block, order), 4, meaning::choice),
    at(offsetof(semaphore_block, renewal), 4, meaning::choice),
    at(offsetof(semaphore_block, first_slot), 4, meaning::slot),
    at(offsetof(semaphore_block, capacity), 4, meaning::slot),
    at(offsetof(semaphore_block, permits), 4, meaning::slot),
    at(offsetof(semaphore_block, first_hint), 4, meaning::node),
    at(offsetof(semaphore_block, ttl_ticks), 4, meaning::ticks),
    at(offsetof(semaphore_block, max_hold_ticks), 4, meaning::ticks),
    at(offsetof(semaphore_block, max_waiters), 4, meaning::node),
    at(offsetof(semaphore_block, shortest_ttl), 4, meaning::ticks),
    at(offsetof(semaphore_block, max_count), 4, meaning::number),
    at(offsetof(semaphore_block, ended), 8, meaning::number),
    at(offsetof(semaphore_block, gate), 8, meaning::gate),
    at(offsetof(semaphore_block, count), 8, meaning::count_word),
    at(offsetof(semaphore_block, lock), 8, meaning::lock_word),
    at(offsetof(semaphore_block, next_ticket), 8, meaning::number),
    at(offsetof(semaphore_block, last_granted), 8, meaning::number),
    at(offsetof(semaphore_block, head), 4, meaning::node),
    at(offsetof(semaphore_block, tail), 4, meaning::node),
    at(offsetof(semaphore_block, queued), 8, meaning::number),
    at(offsetof(semaphore_block, granted), 8, meaning::number),
    at(offsetof(semaphore_block, last_taken_ns), 8, meaning::nanoseconds),
    at(offsetof(semaphore_block, front_wait_ns), 4, meaning::number),
    at(offsetof(semaphore_block, inversions), 8, meaning::number),
    at(offsetof(semaphore_block, expired), 8, meaning::number),
    at(offsetof(semaphore_block, wait), 4, meaning::number),
    at(offsetof(semaphore_block, hold) + 4 * (layout::stored_buckets - 1), 4, meaning::number),
};

constexpr std::array hint_fields{at(0, 8, meaning::number)};

constexpr std::array slot_fields{
    at(offsetof(slot, word), 8, meaning::slot_word),
    at(offsetof(slot, seq_high), 4, meaning::number),
    at(offsetof(slot, granted_to), 4, meaning::node),
    at(offsetof(slot, acquired_ns), 8, meaning::nanoseconds),
    at(offsetof(slot, tag), 4, meaning::number),
    at(offsetof(slot, tag) + 4, 4, meaning::ticks),
    at(offsetof(slot, tid), 4, meaning::slot),
    at(offsetof(slot, tenant), 4, meaning::node),
    at(offsetof(slot, label), sizeof(slot::label), meaning::text),
};

constexpr std::array node_fields{
    at(offsetof(node, word), 8, meaning::node_word),
    at(offsetof(node, signal), 4, meaning::number),
    at(offsetof(node, semaphore), 4, meaning::choice),
    at(offsetof(node, ticket), 8, meaning::number),
    at(offsetof(node, prev), 4, meaning::node),
    at(offsetof(node, next), 4, meaning::node),
    at(offsetof(node, permits), 4, meaning::slot),
    at(offsetof(node, ttl_ticks), 4, meaning::ticks),
    at(offsetof(node, enqueued_ns), 8, meaning::nanoseconds),
    at(offsetof(node, granted_ns), 8, meaning::nanoseconds),
    at(offsetof(node, tid), 4, meaning::thread),
    at(offsetof(node, tenant), 4, meaning::node),
    at(offsetof(node, first_slot), 4, meaning::slot),
    at(offsetof(node, generation), 4, meaning::number),
    at(offsetof(node, label), sizeof(node::label), meaning::text),
    at(offsetof(node, until_ns), 8, meaning::nanoseconds),
};

constexpr std::array tenant_fields{
    at(offsetof(tenant, state), 4, meaning::choice),
    at(offsetof(tenant, name), sizeof(tenant::name), meaning::text),
};

constexpr std::array event_fields{
    at(offsetof(event, number), 8, meaning::number),
    at(offsetof(event, when_ns), 8, meaning::nanoseconds),
    at(offsetof(event, lasted_ns), 8, meaning::nanoseconds),
    at(offsetof(event, token), 8, meaning::number),
    at(offsetof(event, kind), 4, meaning::choice),
    at(offsetof(event, semaphore), 4, meaning::choice),
    at(offsetof(event, seat), 4, meaning::slot),
    at(offsetof(event, process), 4, meaning::node),
    at(offsetof(event, pid), 4, meaning::thread),
    at(offsetof(event, permits), 4, meaning::number),
};

}  // namespace

std::array<table, table_count> tables_in(const layout::geometry& g) {
    return {{
        {"header", 0, sizeof(header), 1, header_fields},
        {"process", g.processes, sizeof(process_entry), g.sizes.processes, process_fields},
        {"semaphore", g.semaphores, sizeof(semaphore_block), g.sizes.semaphores, semaphore_fields},
        {"hints", g.hints, sizeof(layout::word64), g.hint_words, hint_fields},
        {"slot", g.slots, sizeof(slot), g.sizes.permits, slot_fields},
        {"node", g.nodes, sizeof(node), g.sizes.waiters, node_fields},
        {"tenant", g.tenants, sizeof(tenant), g.sizes.tenants, tenant_fields},
        {"event", g.events, sizeof(event), layout::events_kept, event_fields},
    }};
}

}  // namespace shmsem::fuzz
