#include "semrun/signals.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace shmsem::semrun {
namespace {

// SIGPIPE only so that a message which nobody reads ends nothing; it is not handed on.
constexpr int watched[] = {SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGTSTP, SIGCONT, SIGPIPE};

}  // namespace

signal_watch::signal_watch() {
    // Who started us may have ignored it, which exec hands on, and the kernel would then forget the command's status.
    ::signal(SIGCHLD, SIG_DFL);
    sigset_t ours;
    ::sigemptyset(&ours);
    for (const int signal : watched) ::sigaddset(&ours, signal);
    if (const int error = ::pthread_sigmask(SIG_BLOCK, &ours, &before_); error != 0) {
        throw std::system_error(error, std::generic_category(), "sigmask");
    }
    fd_ = ::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd_ < 0)
        throw std::system_error(errno, std::generic_category(), "there is no file descriptor to be had: check ulimit -n");
}

signal_watch::~signal_watch() {
    ::close(fd_);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<caught> signal_watch::next() noexcept {
    signalfd_siginfo info{};
    if (::read(fd_, &info, sizeof info) != sizeof info) return std::nullopt;
    return caught{.signal = static_cast<int>(info.ssi_signo), .by_terminal = info.ssi_code == SI_KERNEL};
}

void stop_self() noexcept {
    // Not SIGSTOP: the kernel ignores a SIGTSTP where no shell could ever undo it (an orphaned process group).
    sigset_t stop;
    ::sigemptyset(&stop);
    ::sigaddset(&stop, SIGTSTP);
    ::raise(SIGTSTP);
    ::pthread_sigmask(SIG_UNBLOCK, &stop, nullptr);
    ::pthread_sigmask(SIG_BLOCK, &stop, nullptr);
}

}  // namespace shmsem::semrun
