#pragma once

#include <cstdint>

#include "core/attachment.hpp"

namespace shmsem::core {

// Taking back what expired or whose holder is dead. Slots are opened by one CAS, without a lock, so any number of processes may
// do this at once, and one that stops in the middle holds nobody up.

struct swept {
    std::uint32_t taken_back = 0;
    std::uint32_t found_open = 0;  ///< opened by others, perhaps a moment ago
    os::instant next = os::never;  ///< when the next lease of those that are left can expire
};
/// Looks at every slot of one semaphore. Dead holders met on the way are reaped, as far as that needs no waiting. If it
/// has taken anything back, whoever waits is served.
swept sweep(attachment& home, std::uint32_t index, std::uint64_t identity, os::instant now) noexcept;

/// Takes a permit from whoever holds it under that token. @return false when nobody does
//                            dies after    a survivor sees                         does
//   1 slot -> open  COMMIT   end.opened    slot open, gate not looked at,          the dead one's reaper sets all hints and dispatches;
//                                          holder not told                         the holder's background thread looks each minute
bool end_lease(const semaphore_info& info, std::uint64_t identity, std::uint32_t seat, std::uint64_t token) noexcept;

/// For a waiter, who heard of a death: opens what a dead process held of this semaphore, and no more. The rest is left to those who
/// reap it as a whole: the kernel woke one of them too.
/// @return whether anything was opened; then dispatch() is due
bool take_from_dead(attachment& home, std::uint32_t index, layout::process_index p) noexcept;

/// Takes back all that a dead process held or waited for, serves those who wait, and frees its entry. Idempotent; several may
/// do it at once. @param until  for locks whose owners may be stopped; then the entry stays dying, for a later try
/// @return how many permits were taken back
std::uint32_t reap_process(attachment& home, layout::process_index p, std::uint64_t identity, os::instant until) noexcept;

struct taken_back {
    std::uint32_t permits = 0;
    bool complete = true;  ///< nothing of it is left anywhere
};
/// Takes back all that process index p holds or waits for while its entry's word is `entry`: dying, or claimed by us from a dead one.
taken_back take_back_all(attachment& home, layout::process_index p, layout::entry_word entry, std::uint64_t identity,
                         os::instant until) noexcept;

/// All semaphores and all processes. @return how many permits were taken back
std::uint32_t reap_all(attachment& home, std::uint64_t identity) noexcept;

/// Semaphores in use: indices below this.
std::uint32_t semaphores_used(const attachment& home) noexcept;

}  // namespace shmsem::core
