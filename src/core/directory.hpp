#pragma once

#include <string_view>
#include <system_error>

#include "core/attachment.hpp"

namespace shmsem::core {

/// What a new semaphore is to be; validated, in the segment's units.
struct semaphore_plan {
    shmsem::kind kind{};
    shmsem::order order{};
    shmsem::renewal renewal{};
    std::uint32_t permits = 0;   // leased: open at first; ownerless: the initial count
    std::uint32_t capacity = 0;  // leased: slots, if there is room for so many; ownerless: the maximum
    std::uint32_t least_capacity = 0;
    std::uint32_t ttl_ticks = 0;
    std::uint32_t max_hold_ticks = 0;
    std::uint32_t max_waiters = 0;
};

/// The index of the semaphore of that name; layout::none, with errc::semaphore_not_found, when there is none.
std::uint32_t find_semaphore(attachment& home, std::string_view name, std::error_code& ec) noexcept;
/// The same, made by `plan` if there is none. @param made  whether it was made now
std::uint32_t find_or_make_semaphore(attachment& home, std::string_view name, const semaphore_plan& plan, bool& made,
                                     std::error_code& ec) noexcept;
/// Takes an ownerless semaphore out of the directory. Nobody may be using it.
void remove_semaphore(attachment& home, std::uint32_t index, std::uint32_t generation) noexcept;
/// index + 1 of the tenant of that name, entered if need be; 0 for an empty name, and on error.
/// @param wait  for the directory's lock; in vain: errc::timed_out
std::uint32_t tenant_id(attachment& home, std::string_view name, const robust::lock_wait& wait,
                        std::error_code& ec) noexcept;
/// After a death inside the directory's lock: entries that were being made are free again.
void repair_directory(attachment& home) noexcept;

}  // namespace shmsem::core
