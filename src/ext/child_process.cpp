#include "ext/child_process.hpp"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <iostream>

#include "ext/signal_bell.hpp"
#include "os/testing.hpp"

namespace shmsem::ext {
namespace {

// Only the standard streams. What other streams of the parent have buffered must not be written by a child as well; and to flush
// those before the fork could wait for a thread that reads one of them.
void flush_standard_output() noexcept {
    try {
        std::cout.flush();
        std::clog.flush();
    } catch (...) {  // std::cout.exceptions() was set: the stream keeps its error, nothing else is lost
    }
    std::fflush(stdout);
}

void reset_signals() noexcept {
    for (int number = 1; number < NSIG; ++number) {
        struct sigaction action {};
        if (::sigaction(number, nullptr, &action) != 0 || action.sa_handler == SIG_DFL) continue;
        // Ignored stays ignored, as through exec; but stop() needs SIGTERM, and a pool within the worker its own children's ends.
        const bool needed = number == SIGTERM || number == SIGCHLD;
        if (action.sa_handler == SIG_IGN && !needed) continue;
        action = {};
        action.sa_handler = SIG_DFL;
        ::sigaction(number, &action, nullptr);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void live(pid_t parent, const std::function<int()>& body) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // A parent that died before that line sends no signal any more, but then we have another one. 0 is a parent outside of our
    // pid namespace, of which nothing can be known.
    if (const pid_t now = ::getppid(); now != parent && now != 0) ::_exit(0);
    signal_bell::forget_listeners();
    reset_signals();
    child_process::leave(body());
}

int open_descriptor(pid_t pid) noexcept {
#ifdef SYS_pidfd_open
    if (os::refused(os::syscall_kind::pidfd)) return -1;
    return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
#else
    (void)pid;
    return -1;
#endif
}

// True when the signal was sent, or there is nobody left to send it to.
bool signal_by_descriptor(int descriptor, int number) noexcept {
#ifdef SYS_pidfd_send_signal
    return descriptor >= 0 && (::syscall(SYS_pidfd_send_signal, descriptor, number, nullptr, 0) == 0 || errno == ESRCH);
#else
    (void)descriptor, (void)number;
    return false;
#endif
}

}  // namespace

void child_process::leave(int status) noexcept {
    flush_standard_output();
    ::_exit(status < 0 || status > 255 ? 255 : status);
}

child_process::~child_process() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

child_process child_process::fork(const std::function<int()>& body, bool with_descriptor, std::error_code& ec) {
    flush_standard_output();  // or parent and child both would write what is buffered now
    child_process made;
    const pid_t parent = ::getpid();
    // No handler of the parent's may run in the child, not even for a signal that arrives in its first instant.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    signal_bell::lock_listeners();  // so that the child never finds that lock held by a thread that it does not have
    const pid_t pid = ::fork();
    const int failure = errno;
    signal_bell::unlock_listeners();
    if (pid == 0) live(parent, body);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0) {
        ec.assign(failure, std::generic_category());
        return made;
    }
    ec.clear();
    made.pid_ = pid;
    if (with_descriptor) made.descriptor_ = open_descriptor(pid);
    return made;
}

void child_process::signal(int number) const noexcept {
    if (pid_ <= 0 || signal_by_descriptor(descriptor_, number)) return;
    // Not reaped yet, so this pid is still our child's.
    ::kill(pid_, number);
}

std::optional<child_process::ending> child_process::reap() noexcept {
    int status = 0;
    const pid_t found = ::waitpid(pid_, &status, WNOHANG);
    if (found == 0) return {};
    ending end{.signalled = false, .status = -1};  // ECHILD: gone, and its status with it
    if (found == pid_) {
        end = WIFSIGNALED(status) ? ending{.signalled = true, .status = WTERMSIG(status)}
                                  : ending{.signalled = false, .status = WEXITSTATUS(status)};
    }
    child_process{}.swap(*this);
    return end;
}

}  // namespace shmsem::ext
