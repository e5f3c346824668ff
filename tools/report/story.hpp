#pragma once

#include <string>
#include <vector>

#include "report/printable.hpp"
#include "report/snapshot.hpp"

// Deadlocks in words.

namespace shmsem::report {

/// "worker 301 holds scratch in disks (seat 0), waits for ledger in jobs (ticket 7)"
[[nodiscard]] std::string story_of(const stuck_thread& thread, charset terminal);

/// A title, a line for each member and one for each thread that is blocked by it.
[[nodiscard]] std::vector<std::string> story_of(const deadlock& one, charset terminal);

}  // namespace shmsem::report
