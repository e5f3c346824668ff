#include "crash/failing_calls.hpp"

#include <linux/futex.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <map>

namespace shmsem::test {
namespace {

constexpr int kCallStop = SIGTRAP | 0x80;  // PTRACE_O_TRACESYSGOOD

}  // namespace

std::string no_refusing() {
#if defined(__x86_64__)
    return no_tracing();
#else
    return "written for the registers of x86-64";
#endif
}

refused_process::refused_process(const std::function<void(const stepped_process::marks&)>& body) : process_(body) {
    EXPECT_EQ(::ptrace(PTRACE_SETOPTIONS, process_.pid(), nullptr, PTRACE_O_TRACESYSGOOD), 0);
}

/// @return true at the beginning or the end of a call, false at a mark
bool refused_process::to_next_stop() {
    int signal = 0;
    for (;;) {
        if (::ptrace(PTRACE_SYSCALL, process_.pid(), nullptr, reinterpret_cast<void*>(static_cast<long>(signal))) != 0) return false;
        int status = 0;
        if (::waitpid(process_.pid(), &status, __WALL) != process_.pid()) return false;
        if (!WIFSTOPPED(status)) {
            ADD_FAILURE() << "ended with wait status " << status << " before it came to its second mark";
            return false;
        }
        if (WSTOPSIG(status) == kCallStop) return true;
        if (WSTOPSIG(status) == SIGSTOP) return false;
        signal = WSTOPSIG(status);
    }
}

#if defined(__x86_64__)

/// Stops where it is about to make a call. The one by which it stops itself at its second mark is not meant.
bool refused_process::next_call(system_call& made) {
    if (!to_next_stop()) return false;
    user_regs_struct registers{};
    ::ptrace(PTRACE_GETREGS, process_.pid(), nullptr, &registers);
    made = {.number = static_cast<long>(registers.orig_rax), .first_argument = registers.rdi, .second_argument = registers.rsi};
    return made.number != SYS_tgkill;
}

bool refused_process::run_refusing(std::size_t nth, const system_call& expected, int error) {
    system_call made;
    bool refused = false;
    for (std::size_t i = 0; i <= nth && next_call(made); ++i) {
        user_regs_struct registers{};
        refused = i == nth && made.number == expected.number;
        if (refused) {
            ::ptrace(PTRACE_GETREGS, process_.pid(), nullptr, &registers);
            registers.orig_rax = ~0ULL;  // no such call
            ::ptrace(PTRACE_SETREGS, process_.pid(), nullptr, &registers);
        }
        if (!to_next_stop()) break;
        if (refused) {
            ::ptrace(PTRACE_GETREGS, process_.pid(), nullptr, &registers);
            registers.rax = static_cast<unsigned long long>(-static_cast<long long>(error));
            ::ptrace(PTRACE_SETREGS, process_.pid(), nullptr, &registers);
        }
    }
    while (to_next_stop()) {
    }
    return refused;
}

#else

bool refused_process::next_call(system_call&) { return false; }
bool refused_process::run_refusing(std::size_t, const system_call&, int) { return false; }

#endif

std::vector<system_call> refused_process::run_watched() {
    std::vector<system_call> all;
    system_call made;
    while (next_call(made)) {
        all.push_back(made);
        if (!to_next_stop()) return all;
    }
    while (to_next_stop()) {
    }
    return all;
}

std::vector<int> plausible_errors(const system_call& of) {
    static const std::map<long, std::vector<int>> known{
        {SYS_openat, {EMFILE, ENFILE, ENOMEM, EACCES, EINTR}},
        {SYS_mmap, {ENOMEM, EAGAIN, EPERM}},
        {SYS_mprotect, {ENOMEM, EACCES}},
        {SYS_clone3, {EAGAIN, ENOMEM, EPERM, ENOSYS}},
        {SYS_clone, {EAGAIN, ENOMEM, EPERM}},
        {SYS_ftruncate, {EINTR, EFBIG, EPERM}},
        {SYS_fallocate, {ENOSPC, EINTR, EOPNOTSUPP, EFBIG}},
        {SYS_linkat, {ENOSPC, EMLINK, EPERM, ENOMEM}},
        {SYS_fstat, {ENOMEM}},
        {SYS_newfstatat, {ENOMEM, EACCES, ENOENT}},
        {SYS_fchmod, {EPERM, EINTR}},
        {SYS_read, {EINTR, EIO}},
        {SYS_pread64, {EINTR, EIO}},
        {SYS_readlinkat, {ENOMEM, EACCES}},
        {SYS_readlink, {ENOMEM, EACCES}},
        {SYS_getdents64, {ENOMEM, EIO}},
        {SYS_unlink, {EACCES, ENOENT, ENOMEM}},
        {SYS_unlinkat, {EACCES, ENOENT, ENOMEM}},
        {SYS_getrandom, {EINTR, ENOSYS}},
        {SYS_set_robust_list, {ENOSYS}},
        {SYS_rseq, {ENOSYS, EPERM}},
        {SYS_pidfd_open, {EMFILE, ENOSYS, ENOMEM}},
        {SYS_prctl, {EINVAL, EPERM}},
        {SYS_madvise, {EINVAL, ENOMEM}},
        {SYS_sched_getaffinity, {EPERM}},
        {SYS_close, {EINTR, EIO}},
    };
    if (of.number == SYS_futex) {
        const auto command = of.second_argument & static_cast<std::uint64_t>(FUTEX_CMD_MASK);
        const bool waits = command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET;
        return waits ? std::vector<int>{EINTR, EAGAIN} : std::vector<int>{};
    }
    const auto found = known.find(of.number);
    return found != known.end() ? found->second : std::vector<int>{};
}

}  // namespace shmsem::test
