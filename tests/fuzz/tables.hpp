#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "layout/view.hpp"

// What lies where in a segment, field by field, so that damage can be done that looks like sense.

namespace shmsem::fuzz {

/// What a field means, which says which wrong values of it are the interesting ones.
enum class meaning : std::uint8_t {
    number,
    text,
    node,         // index
    slot,         // index
    ticks,        // a length of time
    nanoseconds,  // a point in time
    choice,       // of a few states or kinds
    thread,       // id, with the kernel's marks
    pid,
    slot_word,
    node_word,
    entry_word,
    lock_word,
    gate,
    count_word,
};

struct field {
    std::uint32_t offset;  // in its record
    std::uint32_t bytes;   // 4 or 8; of a text a multiple of 8
    meaning what;
};

struct table {
    const char* name;
    std::size_t begin;
    std::size_t record;  // bytes of one
    std::size_t count;
    std::span<const field> fields;
};

enum table_of : std::uint8_t { headers, processes, semaphores, hints, slots, nodes, tenants };
inline constexpr std::size_t table_count = 8;

std::array<table, table_count> tables_in(const layout::geometry& places);

}  // namespace shmsem::fuzz
