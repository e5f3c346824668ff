#include "interrupt.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>

namespace semabench {

namespace {

constexpr int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};

volatile std::sig_atomic_t caught = 0;

sigset_t ending_set() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : ending_signals) sigaddset(&set, signal);
    return set;
}

}  // namespace

void hold_signals() {
    struct sigaction action {};
    action.sa_handler = [](int signal) { caught = signal; };
    for (const int signal : ending_signals) sigaction(signal, &action, nullptr);
    const sigset_t set = ending_set();
    sigprocmask(SIG_BLOCK, &set, nullptr);
}

void child_signals() {
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGHUP, SIG_IGN);
    std::signal(SIGTERM, SIG_DFL);
    const sigset_t set = ending_set();
    sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

bool poll_or_throw(std::span<pollfd> on, duration timeout) {
    const auto until = clock::now() + timeout;
    sigset_t open;
    sigprocmask(SIG_SETMASK, nullptr, &open);
    for (const int signal : ending_signals) sigdelset(&open, signal);
    for (;;) {
        const auto left = std::max(duration{0}, std::chrono::duration_cast<duration>(until - clock::now()));
        const timespec limit{.tv_sec = left.count() / 1'000'000'000, .tv_nsec = left.count() % 1'000'000'000};
        const int ready = ppoll(on.data(), on.size(), &limit, &open);
        if (caught != 0) throw interruption(caught);
        if (ready > 0) return true;
        if (ready == 0) return false;
        if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "ppoll");
    }
}

void rest(duration length) { poll_or_throw({}, length); }

}  // namespace semabench
