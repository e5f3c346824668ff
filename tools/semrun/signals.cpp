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
    ::sigemptyset(&ignored_);
    for (const int signal : watched) {
        ::sigaddset(&ours, signal);
        struct sigaction now {};
        // A blocked signal is queued though it is ignored.
        if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) ::sigaddset(&ignored_, signal);
    }
    if (const int error = ::pthread_sigmask(SIG_BLOCK, &ours, &before_); error != 0) {
        throw std::system_error(error, std::generic_category(), "sigmask");
    }
    fd_ = ::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd_ < 0)
        throw std::system_error(errno, std::generic_category(), "there is no file descriptor to be had: check ulimit -n");
}

signal_watch::~signal_watch() {
    ::close(fd_);
    // The mask stays: its owner is about to exit, and a signal that came meanwhile, such as SIGPIPE of the last message, would
    // take the place of the status.
}

std::optional<caught> signal_watch::next() noexcept {
    signalfd_siginfo info{};
    if (::read(fd_, &info, sizeof info) != sizeof info) return std::nullopt;
    // What a key of the terminal sends goes to the whole foreground group. The kernel also sends what is for us alone: SIGHUP when the
    // terminal goes, SIGALRM.
    const int signal = static_cast<int>(info.ssi_signo);
    const bool of_a_key = signal == SIGINT || signal == SIGQUIT || signal == SIGTSTP;
    return caught{.signal = signal, .by_terminal = info.ssi_code == SI_KERNEL && of_a_key};
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
