#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>

#include "semctl/gather.hpp"

namespace shmsem::semctl {
namespace {

constexpr const char* shm = "/dev/shm";

// The call exists and is allowed: with arguments that cannot be right it says so, and not that it is unknown or forbidden.
bool answers(long result) { return result >= 0 || (errno != ENOSYS && errno != EPERM && errno != EACCES); }

bool can_wipe_on_fork() {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* memory = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return true;  // no memory is another matter
    const bool can = ::madvise(memory, page, MADV_WIPEONFORK) == 0;
    ::munmap(memory, page);
    return can;
}

}  // namespace

shm_facts gather_shm() {
    shm_facts seen;
    struct statfs kind {};
    struct statvfs room {};
    struct stat directory {};
    seen.exists = ::stat(shm, &directory) == 0 && S_ISDIR(directory.st_mode) && ::statfs(shm, &kind) == 0 &&
                  ::statvfs(shm, &room) == 0;
    if (!seen.exists) return seen;
    seen.tmpfs = kind.f_type == TMPFS_MAGIC || kind.f_type == RAMFS_MAGIC;
    seen.read_only = (room.f_flag & ST_RDONLY) != 0;
    seen.writable = ::faccessat(AT_FDCWD, shm, W_OK | X_OK, AT_EACCESS) == 0;
    seen.bytes_total = room.f_blocks * room.f_frsize;
    seen.bytes_free = room.f_bavail * room.f_frsize;
    seen.inodes_total = room.f_files;
    seen.inodes_free = room.f_ffree;
    const int nameless = ::open(shm, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    seen.nameless_files = nameless >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT);
    if (nameless >= 0) ::close(nameless);
    return seen;
}

kernel_facts gather_kernel() {
    kernel_facts seen;
    utsname system{};
    if (::uname(&system) == 0) seen.release = system.release;
    void* head = nullptr;
    std::size_t bytes = 0;
    seen.robust_lists = ::syscall(SYS_get_robust_list, 0, &head, &bytes) == 0;
#ifdef SYS_futex_waitv
    seen.futex_waitv = answers(::syscall(SYS_futex_waitv, nullptr, 0, 0, nullptr, 0));
#else
    seen.futex_waitv = answers(::syscall(449, nullptr, 0, 0, nullptr, 0));
#endif
    const long self = ::syscall(SYS_pidfd_open, ::getpid(), 0);
    seen.pidfd = answers(self);
    if (self >= 0) ::close(static_cast<int>(self));
    seen.wipe_on_fork = can_wipe_on_fork();
    return seen;
}

}  // namespace shmsem::semctl
