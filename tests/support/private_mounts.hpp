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
    const bool done = ::unshare(CLONE_NEWNS) == 0 && (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 ||
                                                      ::mount("none", "/dev/shm", nullptr, MS_PRIVATE, nullptr) ==
                                                          0);  // in a chroot "/" need not be a mount point
    if (!done) std::printf("not tried: no mounts of its own for a process here (%s)\n", std::strerror(errno));
    return done;
}

}  // namespace shmsem::test
