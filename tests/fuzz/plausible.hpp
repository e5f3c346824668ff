#pragma once

#include <functional>
#include <system_error>

#include "shmsem/segment.hpp"

// What an answer has to be like, whatever the segment holds: an error of this library's, or values that keep what the headers promise
// of them. Anything else is a defect().

namespace shmsem::fuzz {

void expect_known(std::error_code ec);
/// Calls what may throw shmsem::error, and nothing else.
void may_throw(const std::function<void()>& body);

void expect_plausible(const lease& held, const limits& sizes);
void expect_plausible(const semaphore_stats& stats, const limits& sizes);
void expect_plausible(const semaphore_snapshot& seen, const limits& sizes);
void expect_plausible(const segment_snapshot& seen, const limits& sizes);
void expect_plausible(const invariants_report& report, const limits& sizes);

/// A segment of its own works as it should: what the damaged one did to this process is over.
void expect_unharmed(const std::string& name);

}  // namespace shmsem::fuzz
