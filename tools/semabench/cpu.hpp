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

/// From here on the calling thread runs before all ordinary work on its processor (SCHED_FIFO), where the system allows it. Only
/// for loops that never wait: among processes that wait for each other it would change what is measured.
/// @return whether it was allowed
bool take_precedence() noexcept;
/// Whether take_precedence() would be allowed.
bool may_take_precedence() noexcept;

/// Tells the processor that this is a loop that waits.
inline void spin_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// Burns so many steps of plain computation. Counted work and not a look at the clock: a holder that is preempted has not
/// done its work meanwhile.
void burn(std::uint64_t steps);
/// How many steps take that long on this machine when nothing interferes.
std::uint64_t steps_for(duration length);

/// Load average of the last minute: what else was going on.
double load();
std::string processor_model();
/// Its number, without what the distribution adds.
std::string kernel_version();

}  // namespace semabench
