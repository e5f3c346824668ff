#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shmsem/inspect.hpp"

namespace shmsem::report {

/// What one tenant has of a semaphore.
struct tenant_use {
    std::string tenant;  ///< empty: those who named none
    std::uint32_t held = 0;
    std::uint32_t waiting = 0;  ///< calls, each for one or several permits
    duration oldest_wait{};
};

/// Those who hold or wait; who holds most first.
[[nodiscard]] std::vector<tenant_use> tenants_of(const semaphore_snapshot& semaphore);

}  // namespace shmsem::report
