#pragma once

#include "core/lease_record.hpp"

namespace shmsem::core {

// What a holder does with a lease. All are inert, and say "lost", in a forked child.

/// Restarts the ttl of every permit. @return false, with nothing left of it, when any had been lost
bool renew(lease_record& lease) noexcept;
/// The earliest deadline; os::never without a ttl, the epoch (a point in the past) when lost.
os::instant expiry(const lease_record& lease) noexcept;
/// Makes the slots detached: nobody renews them until they are adopted. @return false when any was lost; then release the rest
bool detach(const lease_record& lease) noexcept;
/// Makes the slot of a detached lease this process's. @return false when it is lost, or adopted already
bool adopt(const semaphore_info& info, std::uint64_t identity, std::uint32_t seat, std::uint64_t word, std::uint32_t permits,
           std::uint64_t token, lease_record& lease) noexcept;

/// A new deadline for one slot of this process's, unless more than two thirds of the ttl are left and `force` is not set.
enum class renewed : std::uint8_t { yes, not_due, no };
renewed renew_slot(const semaphore_info& info, layout::slot& slot, layout::slot_word seen, bool force) noexcept;

}  // namespace shmsem::core
