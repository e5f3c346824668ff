#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clock.hpp"

namespace semabench {

/// The processors that this process was started on, in order.
const std::vector<int>& processors();

/// Keeps the calling process on the i-th of them, modulo how many there are.
void pin(int i);
/// Keeps it on the first n of them.
void pin_to_first(int n);

/// Burns so many steps of plain computation. Counted work and not a look at the clock: a holder that is preempted has not
/// done its work meanwhile.
void burn(std::uint64_t steps);
/// How many steps take that long on this machine when nothing interferes.
std::uint64_t steps_for(duration length);

/// Load average of the last minute: what else was going on.
double load();
std::string processor_model();
std::string kernel_release();

}  // namespace semabench
