#pragma once

#include <vector>

#include "core/attachment.hpp"
#include "shmsem/inspect.hpp"

// What happened lately, for people who look: a ring that everybody writes without a lock, and never the fast path. A writer that dies
// leaves one event out. One that is stopped while 256 others are recorded mixes its own with a later one: nobody decides by them.

namespace shmsem::core {

struct event_note {
    event_kind kind{};
    std::uint32_t semaphore = layout::none;  // index
    std::uint32_t seat = 0;
    std::uint32_t permits = 0;
    std::uint32_t process = layout::none;
    std::uint32_t pid = 0;  // 0: of that process now
    std::uint64_t token = 0;
    os::instant when{};
    os::nanoseconds lasted{};
};
void record(attachment& home, const event_note& what) noexcept;

/// Oldest first.
std::vector<event_info> events_of(attachment& home);

}  // namespace shmsem::core
