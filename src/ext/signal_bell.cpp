#include "ext/signal_bell.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <system_error>

namespace shmsem::ext {
namespace {

constexpr std::array<int, 2> handled{SIGTERM, SIGINT};

// Constant-initialized and without destructors: handlers may run before main() and after exit().
constinit std::mutex listeners_lock;
constinit std::atomic<signal_bell*> first_bell{nullptr};
int listeners = 0;
std::array<struct sigaction, handled.size()> old_actions;

}  // namespace

signal_bell& signal_bell::take() {
    const std::lock_guard lock(listeners_lock);
    const pid_t self = ::getpid();
    signal_bell* const first = first_bell.load(std::memory_order_relaxed);
    for (signal_bell* bell = first; bell != nullptr; bell = bell->next_) {
        if (bell->taken_ || bell->owner_ != self) continue;
        bell->taken_ = true;
        bell->quieten();
        return *bell;
    }
    const int descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "worker_pool: eventfd");
    auto* made = new signal_bell(descriptor, self);
    made->next_ = first;
    // release: pairs with the acquire in on_signal(), which then sees the descriptor and next_.
    first_bell.store(made, std::memory_order_release);
    return *made;
}

void signal_bell::give_back() noexcept {
    const std::lock_guard lock(listeners_lock);
    taken_ = false;
}

void signal_bell::ring() noexcept {
    const std::uint64_t one = 1;
    // Fails only when it is ringing already, 2^64 - 2 times.
    if (::write(descriptor_, &one, sizeof one) < 0) return;
}

void signal_bell::quieten() noexcept {
    std::uint64_t rung = 0;
    if (::read(descriptor_, &rung, sizeof rung) < 0) return;  // EAGAIN: it was quiet
}

void signal_bell::on_signal(int number) {
    const int saved = errno;
    for (signal_bell* bell = first_bell.load(std::memory_order_acquire); bell != nullptr; bell = bell->next_) {
        if (!bell->listening_.load(std::memory_order_relaxed)) continue;
        // Before the ring: whoever it wakes reads the count.
        (number == SIGTERM ? bell->terminations_ : bell->interruptions_).fetch_add(1, std::memory_order_relaxed);
        bell->ring();
    }
    errno = saved;
}

void signal_bell::listen() noexcept {
    const std::lock_guard lock(listeners_lock);
    terminations_.store(0, std::memory_order_relaxed);
    interruptions_.store(0, std::memory_order_relaxed);
    listening_.store(true, std::memory_order_relaxed);
    if (listeners++ != 0) return;
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;  // system calls of other threads go on
    ::sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < handled.size(); ++i) ::sigaction(handled[i], &action, &old_actions[i]);
}

void signal_bell::stop_listening() noexcept {
    const std::lock_guard lock(listeners_lock);
    listening_.store(false, std::memory_order_relaxed);
    if (--listeners != 0) return;
    for (std::size_t i = 0; i < handled.size(); ++i) {
        struct sigaction now {};
        // A handler that somebody installed meanwhile is theirs to take away.
        if (::sigaction(handled[i], nullptr, &now) == 0 && now.sa_handler == on_signal) {
            ::sigaction(handled[i], &old_actions[i], nullptr);
        }
    }
}

void signal_bell::lock_listeners() noexcept { listeners_lock.lock(); }
void signal_bell::unlock_listeners() noexcept { listeners_lock.unlock(); }

void signal_bell::forget_listeners() noexcept {
    listeners = 0;
    for (signal_bell* bell = first_bell.load(std::memory_order_relaxed); bell != nullptr; bell = bell->next_) {
        bell->listening_.store(false, std::memory_order_relaxed);
    }
}

}  // namespace shmsem::ext
