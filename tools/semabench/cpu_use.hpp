#pragma once

#include <sys/types.h>

#include <cstdint>

namespace semabench {

/// What a process has used so far, all its threads together, as the kernel counts it.
struct cpu_use {
    std::uint64_t ticks = 0;     ///< user + system, of sysconf(_SC_CLK_TCK) to the second: /proc/<pid>/stat
    std::uint64_t wake_ups = 0;  ///< voluntary context switches: /proc/<pid>/task/*/status
};

/// @throws std::runtime_error when it is gone
cpu_use cpu_use_of(pid_t pid);

}  // namespace semabench
