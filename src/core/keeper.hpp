#pragma once

#include <atomic>
#include <bitset>
#include <boost/thread/thread.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <system_error>
#include <vector>

#include "core/attachment.hpp"
#include "core/lease_record.hpp"

namespace shmsem::core {

/// The background thread of a process in a segment. It is the process's life word; it renews the process's automatic leases,
/// watches other processes' life words and reaps the dead at once, takes back what has expired when a thread of its process waits
/// for it, and calls those who want to know of a lost lease. It sleeps on futexes in between.
class keeper {
   public:
    /// @param inherited  that of the process which we were forked from, if any; kept for leak checkers' sake
    keeper(attachment& home, keeper* inherited) : home_(home), inherited_(inherited) {}
    ~keeper();
    keeper(const keeper&) = delete;
    keeper& operator=(const keeper&) = delete;

    /// Starts it and waits until this process is a member.
    std::error_code start() noexcept;
    /// Ends membership and the thread. Not from the thread itself.
    void stop() noexcept;
    void poke() noexcept;
    /// True on the background thread itself.
    [[nodiscard]] bool runs_this() const noexcept { return thread_.get_id() == boost::this_thread::get_id(); }

    /// Calls `lost` once when the lease is found lost or expired.
    /// @param id  0, or what an earlier call for the same lease gave
    /// @return an id to forget it by
    std::uint32_t watch(const lease_record& lease, std::uint32_t id, std::function<void()> lost);
    [[nodiscard]] keeper* inherited() const noexcept { return inherited_; }

    /// After this no `lost` of it will be called, nor is one running; but one may be when a background thread is what calls.
    void forget(std::uint32_t id) noexcept;

   private:
    struct watched_lease {
        lease_record lease;
        std::vector<std::function<void()>> lost;
    };

    void run() noexcept;
    void start_watching_us(layout::process_index me) noexcept;
    os::instant look_round(layout::process_index me) noexcept;
    os::instant beat(os::instant now) noexcept;
    os::instant look_after_semaphore(std::uint32_t index, os::instant now, bool waits) noexcept;
    os::instant tell_of_losses(os::instant now) noexcept;
    void wake_our_served() noexcept;
    os::instant gather_watched(layout::process_index me, os::instant now) noexcept;
    os::instant watch_or_reap(layout::process_index p, os::instant now, os::instant patience_ends) noexcept;
    void sleep(std::uint32_t mail, os::instant until) noexcept;

    attachment& home_;
    keeper* inherited_;
    std::uint64_t identity_ = 0;
    os::futex_word stopping_{0};   // in memory of our own: heard also when the segment's is gone
    std::atomic<int> started_{0};  // 1: member, 2: failed
    std::error_code failure_;
    std::vector<os::waited_word> words_;
    std::bitset<layout::max_processes> in_our_way_;  // those who hold what our threads wait for
    std::mutex watched_lock_;
    std::map<std::uint32_t, watched_lease> watched_;
    std::uint32_t last_id_ = 0;
    std::atomic<std::uint32_t> running_{0};  // the watched lease whose `lost` are being called
    boost::thread thread_;
};

/// For a thread that begins to wait now: its background thread is to be awake by then, since something may expire.
void ask_keeper_to_watch(attachment& home, os::instant by, os::instant now) noexcept;

}  // namespace shmsem::core
