#pragma once

#include <atomic>
#include <cstddef>

#include "os/futex.hpp"

namespace shmsem::os {

/// Protects a process from a file that is cut short while it is mapped: to touch what is missing raises SIGBUS, of which it would
/// die. While a guard lives the whole mapping is replaced then by memory of our own, all bits set: no slot in it is open, no node
/// free, no gate down. Whoever comes by a lock there has to ask torn(), and to leave all as it is. Costs nothing until then.
///
/// The handler is installed only where SIGBUS has its default action, and gives that back to any other SIGBUS; a handler that
/// the program has or installs later is left alone, and the mapping is not protected. Nor is it for a thread that has SIGBUS
/// blocked, nor where more than 256 are mapped.
class mapping_guard {
   public:
    mapping_guard() noexcept = default;
    mapping_guard(void* base, std::size_t bytes, bool writable) noexcept;
    mapping_guard(mapping_guard&& other) noexcept : entry_(other.entry_.exchange(none)) {}
    mapping_guard& operator=(mapping_guard&& other) noexcept {
        const int theirs = other.entry_.exchange(none);
        let_go();
        entry_.store(theirs);
        return *this;
    }
    ~mapping_guard() { let_go(); }
    mapping_guard(const mapping_guard&) = delete;
    mapping_guard& operator=(const mapping_guard&) = delete;

    /// True once the mapping was replaced, or is being replaced.
    [[nodiscard]] bool torn() const noexcept;
    /// A futex word that changes then from 0, and whose sleepers are woken: who slept on a word of the file is beyond reach. Null
    /// where nothing is guarded.
    [[nodiscard]] futex_word* torn_word() const noexcept;

   private:
    static constexpr int none = -1;
    void let_go() noexcept;

    std::atomic<int> entry_{none};  // a child of a raw clone() lets go without a word to the threads that it does not have
};

}  // namespace shmsem::os
