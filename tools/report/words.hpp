#pragma once

#include "shmsem/inspect.hpp"
#include "shmsem/options.hpp"

// The words for the library's enumerators, the same in the table and in JSON.

namespace shmsem::report {

constexpr const char* word(kind value) noexcept { return value == kind::leased ? "leased" : "ownerless"; }
constexpr const char* word(order value) noexcept { return value == order::fifo ? "fifo" : "throughput"; }
constexpr const char* word(renewal value) noexcept { return value == renewal::automatic ? "automatic" : "manual"; }
constexpr const char* word(event_kind value) noexcept {
    switch (value) {
        case event_kind::none: break;
        case event_kind::granted: return "granted";
        case event_kind::timed_out: return "timed_out";
        case event_kind::cancelled: return "cancelled";
        case event_kind::expired: return "expired";
        case event_kind::reaped: return "reaped";
        case event_kind::ended: return "ended";
        case event_kind::died: return "died";
        case event_kind::recovered: return "recovered";
        case event_kind::resized: return "resized";
        case event_kind::paused: return "paused";
        case event_kind::resumed: return "resumed";
    }
    return "unknown";
}

}  // namespace shmsem::report
