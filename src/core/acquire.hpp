#pragma once

#include <stop_token>
#include <system_error>

#include "core/lease_record.hpp"

namespace shmsem::core {

/// What a caller who must queue wants.
struct wait_request {
    std::uint32_t permits = 1;
    description what;
    os::instant until = os::never;
    os::instant lock_until = os::never;  // for the queue's lock, which is held for microseconds
    std::stop_token stop;
};

enum class wait_result : std::uint8_t { granted, timed_out, cancelled, failed };

/// The slow path of both kinds: takes a ticket, and sleeps until it is served, the deadline passes or a stop is requested. A grant
/// that came first wins over both. On `granted` of a leased semaphore, `lease` is filled.
wait_result wait_in_queue(attachment& home, std::uint32_t index, std::uint64_t identity, const wait_request& request,
                          lease_record& lease, std::error_code& ec) noexcept;

}  // namespace shmsem::core
