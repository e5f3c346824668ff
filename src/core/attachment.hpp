#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "layout/handshake.hpp"
#include "robust/membership.hpp"
#include "robust/robust_lock.hpp"
#include "shmsem/errors.hpp"

namespace shmsem::core {

class keeper;

class attachment;

/// What a process knows of a semaphore without asking shared memory again: fixed when the semaphore is made, and checked
/// against the tables when it is read. The first two lines are all that an uncontended pair reads of this process's memory.
struct alignas(64) semaphore_info {
    attachment* home = nullptr;  // this and the next are right for ever
    const robust::member_page* page = nullptr;
    layout::semaphore_block* block = nullptr;
    layout::slot* slots = nullptr;  // of its range
    layout::word64* hint_words = nullptr;
    layout::tick_clock clock;
    std::uint64_t closed_gate = 0;  // bits of the gate that send a newcomer to the queue
    std::uint32_t ttl_ticks = 0;    // 0: none
    std::uint32_t usual_seats = 0;  // seats that a thread may take without a look at the clock: see take_usual()

    layout::slot_range range;
    std::uint32_t index = 0;
    std::uint32_t max_hold_ticks = 0;  // 0: none
    std::atomic<std::uint32_t> max_count{0};
    std::atomic<std::uint32_t> max_waiters{0};
    shmsem::kind kind{};
    shmsem::order order{};
    shmsem::renewal renewal{};
    std::atomic<std::uint32_t> generation{0};  // 0: not known; stored last
    std::atomic<std::uint32_t> swept_at{0};
};

/// The number of permits last set. Memory that says more than there are slots is damaged.
inline std::uint32_t permits_in(const semaphore_info& info) noexcept {
    return std::min(info.block->permits.load(std::memory_order_relaxed), info.range.capacity);
}

/// A segment as mapped into this process. There is one for each segment however many handles there are; objects are
/// recycled but never freed, so a lease that outlives every handle finds an identity that is not its own, and is inert.
class attachment {
   public:
    attachment();
    ~attachment();
    attachment(const attachment&) = delete;
    attachment& operator=(const attachment&) = delete;

    [[nodiscard]] const layout::view& view() const noexcept { return mapping_.view; }
    [[nodiscard]] const layout::tick_clock& clock() const noexcept { return clock_; }
    [[nodiscard]] robust::membership& member() noexcept { return member_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
    [[nodiscard]] bool writable() const noexcept { return mapping_.writable; }
    /// The file was cut short while we had it mapped.
    [[nodiscard]] bool torn() const noexcept { return mapping_.guard.torn(); }
    /// What is wrong: `otherwise`, unless the memory from which that follows is not the segment's any more.
    [[nodiscard]] errc cause(errc otherwise) const noexcept { return torn() ? errc::segment_truncated : otherwise; }
    [[nodiscard]] const layout::mapping& mapping() const noexcept { return mapping_; }

    /// This process's identity in the segment, 0 if it has none (yet, or since it is a forked child). One load.
    [[nodiscard]] std::uint64_t identity() noexcept { return member_.page().identity.load(std::memory_order_acquire); }
    /// The identity, after joining if need be: starts the background thread. 0 on error.
    std::uint64_t join(std::error_code& ec) noexcept;

    /// The description of a semaphore that was ready() once.
    [[nodiscard]] const semaphore_info& info(std::uint32_t index) const noexcept { return infos_[index]; }
    /// True when the semaphore is in use and its numbers make sense; then info() is up to date.
    bool ready(std::uint32_t index) noexcept;

    /// When (in ticks) this process last swept a semaphore of many permits on behalf of a caller who will not wait.
    [[nodiscard]] std::atomic<std::uint32_t>& swept_at(std::uint32_t index) noexcept { return infos_[index].swept_at; }

    /// A ttl that leases of this process use: the background thread renews at a third of the shortest.
    void note_ttl(std::uint32_t ticks) noexcept;
    [[nodiscard]] std::uint32_t shortest_ttl() const noexcept { return shortest_ttl_.load(std::memory_order_relaxed); }
    /// Wakes this process's own background thread.
    void poke_keeper() noexcept;
    [[nodiscard]] core::keeper* keeper() noexcept { return keeper_.load(std::memory_order_acquire); }

    /// Number of slots that a process holds.
    [[nodiscard]] std::uint32_t held_by(layout::process_index p) noexcept;
    /// Makes our waiting threads look at the clock again.
    void wake_our_waiters() noexcept;

    // For the registry of attachments.
    void attach_to(layout::mapping&& m);
    /// Ends membership and the mapping. Only while nothing is held and no call is under way.
    void detach() noexcept;

   private:
    layout::mapping mapping_;
    layout::tick_clock clock_;
    robust::membership member_;
    std::string name_;
    std::uint64_t id_ = 0;
    std::unique_ptr<semaphore_info[]> infos_;
    std::uint32_t info_count_ = 0;
    std::vector<std::unique_ptr<semaphore_info[]>> outgrown_;  // leases that outlived their segment may still look there
    std::atomic<std::uint32_t> shortest_ttl_{0};
    // One word, so that a fork finds it whole. That of a process that we were forked from is left alone: its thread is not here.
    std::atomic<core::keeper*> keeper_{nullptr};
};

/// The attachment of a mapped segment: the existing one of this process if it maps the same file, else a new one.
std::shared_ptr<attachment> attach(layout::mapping&& m);

}  // namespace shmsem::core
