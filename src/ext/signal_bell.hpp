#pragma once

#include <sys/types.h>

#include <atomic>

namespace shmsem::ext {

/// Wakes one pool out of its sleep: rung by drain(), and by SIGTERM and SIGINT while it listens for them. Any number of
/// pools of a process listen at once; the handlers are installed for the first and the old ones put back after the last.
///
/// Bells are made when needed, handed back and used again, but neither destroyed nor their descriptors closed: a handler on
/// another thread may still be walking along them, and must never write to a descriptor that has become somebody else's.
class signal_bell {
   public:
    /// One that nobody uses. @throws std::system_error when there is no descriptor left
    static signal_bell& take();
    void give_back() noexcept;

    /// Makes descriptor() readable. Async-signal-safe, and heard by the parent when rung in a forked child.
    void ring() noexcept;
    void quieten() noexcept;
    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

    /// From now on both signals are counted, from 0.
    void listen() noexcept;
    void stop_listening() noexcept;
    [[nodiscard]] unsigned terminations() const noexcept { return terminations_.load(std::memory_order_relaxed); }
    [[nodiscard]] unsigned interruptions() const noexcept { return interruptions_.load(std::memory_order_relaxed); }

    // Around a fork, and in the child of one: it has default handlers, and none of the parent's pools listens in it.
    static void lock_listeners() noexcept;
    static void unlock_listeners() noexcept;
    static void forget_listeners() noexcept;

   private:
    signal_bell(int descriptor, pid_t owner) noexcept : descriptor_(descriptor), owner_(owner) {}
    static void on_signal(int number);

    const int descriptor_;
    const pid_t owner_;  // an inherited bell would wake the parent
    std::atomic<bool> listening_{false};
    std::atomic<unsigned> terminations_{0};
    std::atomic<unsigned> interruptions_{0};
    bool taken_ = true;            // under the lock
    signal_bell* next_ = nullptr;  // fixed before the bell can be found
};

}  // namespace shmsem::ext
