#pragma once

#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace shmsem::test {

/// From now on what this process mounts on /dev/shm is seen by itself and its children only. @return false, and says why, where a
/// process may not have mounts of its own
[[nodiscard]] inline bool has_private_mounts() {
    const auto make_private = [](const char* where, unsigned long flags) {
        return ::mount("none", where, nullptr, flags | MS_PRIVATE, nullptr) == 0;
    };
    // In a chroot "/" need not be a mount point.
    const bool done = ::unshare(CLONE_NEWNS) == 0 && (make_private("/", MS_REC) || make_private("/dev/shm", 0));
    if (!done) std::printf("not tried: no mounts of its own for a process here (%s)\n", std::strerror(errno));
    return done;
}

}  // namespace shmsem::test
