#pragma once

#include <cstdint>
#include <stop_token>

#include "os/clock.hpp"
#include "robust/membership.hpp"

namespace shmsem::robust {

/// Makes this thread's death visible while it is in a critical section: one of the four section words of the process's
/// entry holds the thread's id, and the kernel has been told to mark that word. No two threads ever share such a word,
/// so, unlike with a lock word that holds thread ids, equal ids in two pid namespaces cannot be confused.
class critical_section {
   public:
    /// @param identity  of this process in the segment; not 0
    critical_section(membership& m, std::uint64_t identity) noexcept : member_(m), process_(index_in(identity)) {}
    ~critical_section() { leave(); }
    critical_section(const critical_section&) = delete;
    critical_section& operator=(const critical_section&) = delete;

    void enter() noexcept;
    void leave() noexcept;
    [[nodiscard]] std::uint32_t section() const noexcept { return section_; }
    [[nodiscard]] layout::process_index process() const noexcept { return process_; }

   private:
    membership& member_;
    layout::process_index process_;
    std::uint32_t section_ = layout::none;
};

enum class [[nodiscard]] lock_result : std::uint8_t{
    clean,       ///< ours
    owner_died,  ///< ours, and what it protects must be rebuilt: its last owner died inside
    timed_out,   ///< not ours
};

/// For how long a lock is waited for, should its owner be a stopped process.
struct lock_wait {
    lock_wait(os::instant by) noexcept : until(by) {}
    lock_wait(os::instant by, const std::stop_token& or_stop) noexcept : until(by), stop(&or_stop) {}
    os::instant until;
    const std::stop_token* stop = nullptr;  // when it is requested, no longer
};

/// A robust lock on one word in shared memory (layout::lock_word). It is not a pthread mutex because a robust pthread mutex
/// keeps list pointers beside its word, in memory that any process may have damaged, and the C library follows them.
class robust_lock {
   public:
    robust_lock(membership& m, std::uint64_t identity, layout::word64& word) noexcept
        : member_(m), word_(word), section_(m, identity) {}
    ~robust_lock() { unlock(); }
    robust_lock(const robust_lock&) = delete;
    robust_lock& operator=(const robust_lock&) = delete;

    lock_result lock(const lock_wait& wait) noexcept;
    lock_result try_lock() noexcept;
    void unlock() noexcept;

   private:
    enum class attempt : std::uint8_t { clean, owner_died, busy };
    attempt once(bool slept, layout::lock_word& seen) noexcept;
    bool owner_is_dead(layout::lock_word seen) noexcept;

    membership& member_;
    layout::word64& word_;
    critical_section section_;
    layout::lock_word mine_{};
    bool owned_ = false;
    os::instant process_dead_since_ = os::never;
};

}  // namespace shmsem::robust
