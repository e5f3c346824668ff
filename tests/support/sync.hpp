#pragma once

#include <atomic>
#include <cstdint>

namespace shmsem::test {

// Meeting points for threads and for processes (inside a shared<T>), which sleep in the kernel until they are woken and do not
// use the library under test. A peer that never comes is the watchdog's business.

/// Down at first; once raised it stays up until lower().
class flag {
   public:
    void raise() noexcept;
    void lower() noexcept { word_.store(0, std::memory_order_release); }
    void wait() noexcept;
    [[nodiscard]] bool raised() const noexcept { return word_.load(std::memory_order_acquire) != 0; }

   private:
    std::atomic<std::uint32_t> word_{0};
};

/// Lets `parties` through together, over and over.
class barrier {
   public:
    explicit barrier(std::uint32_t parties) noexcept : parties_(parties) {}
    void arrive_and_wait() noexcept;

   private:
    const std::uint32_t parties_;
    std::atomic<std::uint32_t> arrived_{0};
    std::atomic<std::uint32_t> round_{0};
};

/// A number that others can wait for to be reached.
class tally {
   public:
    void add(std::uint32_t n = 1) noexcept;
    void wait_for(std::uint32_t at_least) noexcept;
    [[nodiscard]] std::uint32_t value() const noexcept { return word_.load(std::memory_order_acquire); }

   private:
    std::atomic<std::uint32_t> word_{0};
};

}  // namespace shmsem::test
