#pragma once

#include <cstdint>

namespace shmsem::os {

/// True when a process has the file mapped, of those whose maps this one may read: its own user's, as root all, in its pid
/// namespace. Reads /proc of each.
bool is_mapped_by_somebody(std::uint64_t device, std::uint64_t inode) noexcept;

}  // namespace shmsem::os
