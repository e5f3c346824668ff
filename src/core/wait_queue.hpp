#pragma once

#include <array>
#include <cstdint>

#include "core/attachment.hpp"
#include "core/hints.hpp"

namespace shmsem::core {

/// Everything that is done under a semaphore's lock: its queue of waiter nodes, and dispatch(), the only code that grants.
/// The links, the gate's count and the hints are derived from node and slot words; rebuild() makes them anew.
///
/// Lock order: a thread holds at most one lock of a segment.
class wait_queue {
   public:
    wait_queue(attachment& home, std::uint32_t index) noexcept
        : home_(home),
          view_(home.view()),
          block_(view_.semaphore(index)),
          info_(home.info(index)),
          index_(index),
          hints_(view_, info_.range) {}

    [[nodiscard]] std::uint32_t waiting() const noexcept;
    /// Gives the calling thread's claimed node the next ticket and its place at the end.
    void enqueue(std::uint32_t node, layout::node_word claimed) noexcept;
    /// Takes an abandoned node of ours out, if nobody has done it yet.
    void remove_abandoned(std::uint32_t node, layout::node_word abandoned) noexcept;
    /// Takes out every node of a dying process, and gives back what was granted to it.
    void purge(layout::process_index p, layout::entry_word dying) noexcept;

    /// Serves the queue as far as there are permits.
    void dispatch() noexcept;
    /// The same, where the caller is a waiter of this queue. @param node  its own, which waits; or none
    void dispatch_for(std::uint32_t node) noexcept {
        own_ = node;
        dispatch();
    }
    /// After a death inside the lock: completes or undoes what the dead process had begun, and derives everything anew.
    void recover() noexcept;
    /// Sets the number of permits and makes the slots conform.
    void resize(std::uint32_t permits) noexcept;
    /// Makes the states of slots conform to the number of permits; idempotent.
    void conform() noexcept;
    /// Queue and gate from the words.
    void rebuild() noexcept;
    /// After a death, every slot may be open, whatever the hints say.
    void reset_hints() noexcept {
        if (info_.kind == kind::leased) hints_.set_all();
    }
    /// Wakes every waiter that was served; for when the one who served it may not have lived to do so.
    void wake_all_served() noexcept;

    /// Wakes those to whom dispatch() granted. After the lock was released, so that they do not run into it.
    void wake_granted() noexcept;

   private:
    void serve_all() noexcept;
    void hurry_if_first_waits_long() noexcept;
    [[nodiscard]] bool looks_for_itself(std::uint32_t node) noexcept;
    void take_out_abandoned() noexcept;
    bool take_out_front(std::uint32_t node, layout::node_word word, os::instant now) noexcept;
    bool serve_leased(std::uint32_t node, layout::node_word word, os::instant now) noexcept;
    bool serve_ownerless(std::uint32_t node, layout::node_word word, os::instant now) noexcept;
    bool install(std::uint32_t slot, std::uint32_t node, layout::process_index p, layout::tick until) noexcept;
    bool mark_granted(std::uint32_t node, layout::node_word waiting, os::instant now) noexcept;
    void take_back(std::uint32_t node, layout::process_index p) noexcept;
    std::uint32_t open_slots(std::uint32_t enough) noexcept;
    void settle_slots() noexcept;
    void settle_count() noexcept;
    struct place {
        std::uint32_t prev;
        std::uint32_t next;
    };
    [[nodiscard]] place place_of(std::uint32_t node) const noexcept {
        return {view_.node(node).prev.load(std::memory_order_relaxed),
                view_.node(node).next.load(std::memory_order_relaxed)};
    }
    bool unlink(std::uint32_t node, place where) noexcept;
    std::uint32_t merge(std::uint32_t a, std::uint32_t b) noexcept;
    void remember_to_wake(std::uint32_t node) noexcept;
    void note_front_wait(std::uint64_t enqueued_ns, std::uint32_t processor, std::uint64_t now_ns) noexcept;
    [[nodiscard]] bool queued_here(std::uint32_t node) const noexcept;

    attachment& home_;
    const layout::view& view_;
    layout::semaphore_block& block_;
    const semaphore_info& info_;
    std::uint32_t index_;
    hints hints_;
    std::uint32_t own_ = layout::none;  // the waiting node of the thread that runs this: it need not be woken
    std::array<std::uint32_t, 8> granted_{};
    std::uint32_t granted_count_ = 0;
    std::uint32_t next_ = layout::none;  // who is to be woken although nothing is granted to it yet
};

/// Whether nothing is to be granted, on request.
[[nodiscard]] inline bool paused(const layout::semaphore_block& block) noexcept {
    return (block.gate.load(std::memory_order_seq_cst) & layout::gate::paused) != 0;
}

/// Below that a waiter who is first had better stay awake: to sleep and be woken takes longer.
inline constexpr std::uint32_t worth_spinning_ns = 20'000;
/// With order::throughput newcomers may take what comes free, until the first waiter has waited for so long.
inline constexpr os::nanoseconds barging_limit{1'000'000};

/// As a deadline for the lock: only if it is free.
inline constexpr os::instant at_once = os::instant::min();

/// Serves the waiters of a semaphore now, or has the present owner of its lock do it. Never waits. For those who opened a slot,
/// raised a count, or left the queue.
void request_dispatch(attachment& home, std::uint32_t index, std::uint64_t identity) noexcept;

/// One atomic step; then, to go on, a dispatch. Dying between the two, the dead process's reaper dispatches.
void set_paused(attachment& home, std::uint32_t index, std::uint64_t identity, bool pause) noexcept;

/// Runs `body(queue)` under the lock; repairs first if the last owner died in it. @return false when the lock could not be had, or the segment is torn
template <class Body>
bool once_under_lock(attachment& home, std::uint32_t index, std::uint64_t identity, const robust::lock_wait& wait,
                     Body&& body) noexcept {
    robust::robust_lock lock(home.member(), identity, home.view().semaphore(index).lock);
    const robust::lock_result got = wait.until == at_once ? lock.try_lock() : lock.lock(wait);
    if (got == robust::lock_result::timed_out) return false;
    if (home.torn()) {  // whatever lock that was
        lock.unlock();
        return false;
    }
    wait_queue queue(home, index);
    if (got == robust::lock_result::owner_died) queue.recover();
    body(queue);
    lock.unlock();
    queue.wake_granted();
    return true;
}

/// The same, and afterwards serves whoever asked for it meanwhile.
template <class Body>
bool under_lock(attachment& home, std::uint32_t index, std::uint64_t identity, const robust::lock_wait& wait,
                Body&& body) noexcept {
    if (!once_under_lock(home, index, identity, wait, body)) return false;
    // seq_cst: after the unlock. Whoever raised the flag before found the lock taken, or will find it free. See request_dispatch().
    if ((home.view().semaphore(index).gate.load(std::memory_order_seq_cst) & layout::gate::dispatch_wanted) != 0) {
        request_dispatch(home, index, identity);
    }
    return true;
}

}  // namespace shmsem::core
