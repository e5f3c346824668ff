#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <system_error>

#include "layout/view.hpp"
#include "os/fork_page.hpp"
#include "os/process_identity.hpp"
#include "os/thread_identity.hpp"

namespace shmsem::robust {

using os::life;

/// What one process alone knows of its membership in a segment. A forked child finds it zeroed: not a member.
struct member_page {
    std::atomic<std::uint64_t> identity;        // serial << 16 | process index + 1; 0: not a member
    std::atomic<std::uint64_t> stamp;           // changes at each beat, unlike any of another membership; 0: none at present
    std::atomic<std::uint32_t> sections_used;   // bit per critical-section word of our entry that a thread has taken
    std::atomic<std::uint32_t> joining;         // 1: a thread is starting the background thread
    std::atomic<std::uint32_t> reading_info;    // 1: a thread is reading a semaphore's description
    std::atomic<std::uint32_t> waiting;         // threads that wait in queues of this segment
    std::atomic<std::uint32_t> waits_begun;     // counts them all
    std::atomic<std::int64_t> keeper_wakes_ns;  // when the background thread wakes by itself
};

constexpr layout::process_index index_in(std::uint64_t identity) noexcept {
    return static_cast<layout::process_index>((identity & 0xffff) - 1);
}

/// The table of attached processes, and what is known of their lives. Entries are described in layout/words.hpp.
class membership {
   public:
    membership(const layout::view& v, const layout::tick_clock& clock) : view_(v), clock_(clock) {}

    [[nodiscard]] const layout::view& view() const noexcept { return view_; }
    [[nodiscard]] const layout::tick_clock& clock() const noexcept { return clock_; }
    [[nodiscard]] member_page& page() const noexcept { return *page_; }
    [[nodiscard]] std::uint64_t identity() const noexcept { return page_->identity.load(std::memory_order_acquire); }
    /// From now on nobody takes what a thread knew of the time for true any more.
    void renew_stamp() noexcept;
    // For the background thread: between the two nobody goes by what he knew of the time.
    void take_stamp_away() noexcept { page_->stamp.store(0, std::memory_order_release); }
    void give_stamp_back() noexcept;

    // For the background thread, whose life the entry stands for.
    /// Claims an entry and holds its life word from then on. Where only entries of dead processes are left it takes over one of
    /// those: `clean(index, entry word, identity)` then takes back what its last owner held, and says whether all of it could be.
    /// @return false: errc::too_many_processes
    using cleaner = std::function<bool(layout::process_index, layout::entry_word, std::uint64_t)>;
    bool join(std::error_code& ec, const cleaner& clean) noexcept;
    /// Marks the entry dying and lets the life word go; the caller then takes back what it held and frees the entry.
    /// @return the word to free it by, or state free if it was not ours any more
    layout::entry_word leave(layout::process_index me) noexcept;

    /// Entries that may be in use are below this.
    [[nodiscard]] std::uint32_t used() const noexcept;
    [[nodiscard]] layout::entry_word entry(layout::process_index p) const noexcept {
        if (!view_.has_process(p)) return {};  // an index from damaged memory: as good as free
        return layout::entry_word::unpack(view_.process(p).word.load(std::memory_order_acquire));
    }
    /// Three answers only; dead is said on evidence alone, so a process that cannot be judged keeps its leases until their ttl.
    [[nodiscard]] life life_of(layout::process_index p) const noexcept;
    /// alive -> dying, when the kernel says that it is dead. Wakes all who watch it: the kernel woke one of them only.
    /// @return the word to free it by, or state free if it is not dying
    layout::entry_word mark_if_dead(layout::process_index p) noexcept;
    /// The same, for who does not reap it and leaves that to the one whom the kernel woke.
    layout::entry_word mark_only(layout::process_index p) noexcept;
    /// The words whose change tells of that process's death, and their values to sleep on; nothing when there is none, or it is known
    /// to be dead. The kernel wakes one sleeper of each. The first is for background threads; the second for waiters, of whom the one
    /// that is woken may have no use for it.
    [[nodiscard]] std::optional<os::waited_word> life_word_of(layout::process_index p) noexcept;
    [[nodiscard]] std::optional<os::waited_word> bell_of(layout::process_index p) noexcept;
    /// Of an entry that is dying: whether its process died, rather than leave in order.
    [[nodiscard]] bool died(layout::process_index p) const noexcept;
    /// Signed by the kernel, or known already: no system call.
    [[nodiscard]] bool signed_dead(layout::process_index p) const noexcept;
    /// dying -> free, once nothing of it is left.
    bool free_entry(layout::process_index p, layout::entry_word dying) noexcept;

    /// Makes that process's background thread look round.
    void poke(layout::process_index p) noexcept;

   private:
    bool claim(layout::process_index p, const os::process_identity& who, std::uint64_t identity,
               const cleaner* clean) noexcept;
    void recycle_stale_claim(layout::process_index p, layout::entry_word seen) noexcept;

    const layout::view& view_;
    const layout::tick_clock& clock_;
    os::wiped_on_fork<member_page> page_;
};

/// For read-only looks at a segment that one is not a member of.
life life_in(const layout::process_entry& e) noexcept;

}  // namespace shmsem::robust
