#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "demo_main/life_id.hpp"
#include "demo_main/work_table.hpp"
#include "shmsem/inspect.hpp"
#include "shmsem/semaphore.hpp"
#include "shmsem/worker_pool.hpp"

namespace demo {

/// A worker that was killed while it held a permit and worked on a file.
struct kill_record {
    life_id life;
    std::uint32_t seat = 0;
    std::uint64_t token = 0;  ///< of the lease that it died with
    bool awaited = false;     ///< somebody waited for a permit at that moment
    std::int64_t at = 0;      ///< nanoseconds of the monotonic clock, right before the signal was sent
};

/// Kills holders of permits with SIGKILL.
///
/// A holder seen by inspect() may have let go by the time that a signal reaches it. So the victim is first stopped, then looked
/// at again, and killed only if it still holds the same lease and has a file in work; else it goes on as if nothing had been.
class killer {
   public:
    /// @param wait_for_waiters  strikes only while somebody waits for a permit, so that there is a next grant to be measured
    killer(shmsem::semaphore permits, bool wait_for_waiters)
        : permits_(std::move(permits)), wait_for_waiters_(wait_for_waiters) {}

    /// One attempt. @return whether a holder was killed
    /// @param lives  the current life of each worker of the pool
    bool strike(const shmsem::worker_pool& pool, const work_table& table, const std::vector<life_id>& lives);

    [[nodiscard]] const std::vector<kill_record>& kills() const { return kills_; }

   private:
    [[nodiscard]] const shmsem::holder_info* choose(const shmsem::semaphore_snapshot& seen);

    shmsem::semaphore permits_;
    bool wait_for_waiters_;
    std::size_t turn_ = 0;
    std::vector<kill_record> kills_;
};

}  // namespace demo
