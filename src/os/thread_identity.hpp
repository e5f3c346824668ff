#pragma once

#include <linux/futex.h>

#include <atomic>
#include <cstdint>

#include "os/futex.hpp"

namespace shmsem::os {

/// What the kernel knows this thread by. The robust list is the one that the C library registered: at the thread's death
/// the kernel walks it, and sets FUTEX_OWNER_DIED in every word on it that holds the thread's id.
class thread_identity {
   public:
    /// This thread's; read again from the kernel after a fork. One load when nothing changed.
    static thread_identity& current() noexcept;

    [[nodiscard]] std::uint32_t tid() const noexcept { return tid_; }
    /// False where the kernel or a seccomp filter refuses get_robust_list: then nobody signs a death certificate.
    [[nodiscard]] bool robust() const noexcept { return head_ != nullptr; }
    /// Distance from a list node to the futex word that belongs to it, as the C library chose it.
    [[nodiscard]] long futex_offset() const noexcept { return head_ == nullptr ? 0 : head_->futex_offset; }

    /// From now on the kernel looks at `word` too when this thread dies, and marks it if it holds tid(). The single word of
    /// list_op_pending needs no node beside the futex, so no pointer lies in shared memory. The C library uses it only
    /// within its own robust-mutex calls, and none is made between announce() and withdraw().
    void announce(futex_word& word) noexcept {
        if (head_ == nullptr) return;
        const auto node = reinterpret_cast<std::uintptr_t>(&word) - static_cast<std::uintptr_t>(head_->futex_offset);
        set_pending(reinterpret_cast<robust_list*>(node));
    }
    void withdraw() noexcept {
        if (head_ != nullptr) set_pending(nullptr);
    }

    /// Makes this thread's list of two permanent nodes, which lie at the words - futex_offset(). The words then count as held for as
    /// long as they contain tid(). At a death they are marked in this order, but
    /// for one that is announced: that comes last. Only on a thread of our own, with an empty list.
    bool enlist(futex_word& first, futex_word& second) noexcept;
    void delist() noexcept;

   private:
    void refresh() noexcept;
    // The kernel reads it when the thread dies: the compiler must neither move nor merge these stores.
    void set_pending(robust_list* node) noexcept {
        std::atomic_signal_fence(std::memory_order_seq_cst);
        *const_cast<robust_list* volatile*>(&head_->list_op_pending) = node;
        std::atomic_signal_fence(std::memory_order_seq_cst);
    }

    std::uint64_t incarnation_ = 0;
    std::uint32_t tid_ = 0;
    robust_list_head* head_ = nullptr;
};

/// Differs between a process and the children that it forks.
std::uint64_t process_incarnation() noexcept;

}  // namespace shmsem::os
