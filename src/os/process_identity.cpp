#include "os/process_identity.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "os/testing.hpp"

namespace shmsem::os {
namespace {

struct file_text {
    std::array<char, 1024> bytes;
    std::size_t size = 0;
    [[nodiscard]] std::string_view view() const noexcept { return {bytes.data(), size}; }
};

file_text read_file(const char* path) noexcept {
    file_text text;
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return text;
    const ssize_t n = ::read(fd, text.bytes.data(), text.bytes.size() - 1);
    ::close(fd);
    text.size = n > 0 ? static_cast<std::size_t>(n) : 0;
    text.bytes[text.size] = '\0';
    return text;
}

std::uint64_t inode_of(const char* path) noexcept {
    struct stat st;
    return ::stat(path, &st) == 0 ? st.st_ino : 0;
}

// Inode numbers of namespaces and the boot id do not change while a process lives, except by unshare().
std::uint64_t boot_hash() noexcept {
    static constinit std::atomic<std::uint64_t> known{
        0};  // no guard, which a child forked meanwhile would find closed for ever
    std::uint64_t h = known.load(std::memory_order_relaxed);
    if (h != 0) return h;
    const file_text text = read_file("/proc/sys/kernel/random/boot_id");
    if (text.size == 0) return 0;
    h = 1469598103934665603ULL;  // FNV-1a
    for (const char c : text.view()) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    known.store(h, std::memory_order_relaxed);
    return h;
}

struct process_stat {
    char state = 0;
    std::uint64_t start_time = 0;
};

// The command, field 2, may hold blanks and parentheses, so fields are counted from the last ')'.
process_stat stat_of(const char* path) noexcept {
    const file_text text = read_file(path);
    const std::size_t close = text.view().rfind(')');
    if (close == std::string_view::npos || close + 2 >= text.size) return {};
    const char* field = text.bytes.data() + close + 2;
    process_stat result{.state = *field, .start_time = 0};
    for (int number = 3; number < 22 && field != nullptr; ++number) {
        field = std::strchr(field, ' ');
        if (field != nullptr) ++field;
    }
    if (field != nullptr) result.start_time = std::strtoull(field, nullptr, 10);
    return result;
}

// 1: exited, 0: runs, -1: cannot tell.
int exited_by_pidfd(std::uint32_t pid) noexcept {
    if (refused(syscall_kind::pidfd)) return -1;
#ifdef SYS_pidfd_open
    const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (fd < 0) return errno == ESRCH ? 1 : -1;
    pollfd p{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&p, 1, 0);
    ::close(fd);
    return ready < 0 ? -1 : ready;
#else
    (void)pid;
    return -1;
#endif
}

}  // namespace

std::uint64_t time_namespace() noexcept { return inode_of("/proc/self/ns/time"); }

process_identity this_process_identity() {
    process_identity me;
    me.pid = static_cast<std::uint32_t>(::getpid());
    me.uid = static_cast<std::uint32_t>(::getuid());
    // What others will read under our pid. An emulator of processes (qemu-user) shows one of its own making under the usual path.
    me.start_time = stat_of("/proc/self/./stat").start_time;
    me.pid_namespace = inode_of("/proc/self/ns/pid");
    me.boot = boot_hash();
    const file_text comm = read_file("/proc/self/comm");
    me.command = std::string(comm.view().substr(0, comm.view().find('\n')));
    return me;
}

life life_by_pid(std::uint32_t pid, std::uint64_t start_time, std::uint64_t pid_namespace, std::uint64_t boot) noexcept {
    if (boot != boot_hash()) return life::unknown;  // a container may have a boot id of its own
    if (pid == 0 || pid_namespace == 0 || pid_namespace != inode_of("/proc/self/ns/pid")) return life::unknown;
    const int exited = exited_by_pidfd(pid);
    if (exited == 1) return life::dead;
    if (::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH) return life::dead;
    // A /proc of another pid namespace tells of other processes.
    std::array<char, 64> path;
    const ssize_t length = ::readlink("/proc/self", path.data(), path.size() - 1);
    if (length <= 0) return life::unknown;
    path[static_cast<std::size_t>(length)] = '\0';
    if (std::strtol(path.data(), nullptr, 10) != ::getpid()) return life::unknown;
    ::snprintf(path.data(), path.size(), "/proc/%u/stat", pid);
    const process_stat stat = stat_of(path.data());
    if (stat.start_time == 0 || start_time == 0) return life::unknown;  // hidden by hidepid, or no /proc
    if (stat.start_time != start_time) return life::dead;               // the pid belongs to a later process
    if (exited == 0) return life::alive;
    // A zombie may be a main thread that ended while others go on.
    return stat.state == 'Z' || stat.state == 'X' ? life::unknown : life::alive;
}

}  // namespace shmsem::os
