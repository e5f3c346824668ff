#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace shmsem::os {

/// Enough to tell a process from a later one that got its pid, and from one of another pid namespace.
struct process_identity {
    std::uint32_t pid = 0;
    std::uint32_t uid = 0;
    std::uint64_t start_time = 0;     ///< clock ticks after boot, from /proc/PID/stat; 0: could not be read
    std::uint64_t pid_namespace = 0;  ///< inode; 0: could not be read
    std::uint64_t boot = 0;           ///< hash of the boot id; 0: could not be read
    std::string command;
};
process_identity this_process_identity();

/// Inode of the time namespace; 0 where there is none.
std::uint64_t time_namespace() noexcept;

enum class life : std::uint8_t { unknown = 0, alive = 1, dead = 2 };
inline const char* name_of(life l) noexcept { return l == life::alive ? "alive" : l == life::dead ? "dead" : "unknown"; }

/// The answer without the kernel's death notice: pidfd, then pid and start time, only within one pid namespace and boot.
life life_by_pid(std::uint32_t pid, std::uint64_t start_time, std::uint64_t pid_namespace, std::uint64_t boot) noexcept;

}  // namespace shmsem::os
