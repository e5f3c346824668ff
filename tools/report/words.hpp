#pragma once

#include "shmsem/options.hpp"

// The words for the library's enumerators, the same in the table and in JSON.

namespace shmsem::report {

constexpr const char* word(kind value) noexcept { return value == kind::leased ? "leased" : "ownerless"; }
constexpr const char* word(order value) noexcept { return value == order::fifo ? "fifo" : "throughput"; }
constexpr const char* word(renewal value) noexcept { return value == renewal::automatic ? "automatic" : "manual"; }

}  // namespace shmsem::report
