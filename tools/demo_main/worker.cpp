#include "demo_main/worker.hpp"

#include <chrono>
#include <thread>

namespace demo {

using namespace std::chrono_literals;

int work(const assignment& job, int worker, const shmsem::worker_pool::context& context) {
    const life_id me(worker, job.round, context.life());
    shmsem::semaphore permits = job.permits;
    while (!context.stopping()) {
        shmsem::lease held = permits.acquire({.label = "checksum"});
        const grant mine{.seat = held.seat(), .token = held.token(), .ticket = held.ticket()};
        job.leases.entered(me, mine);
        const auto item = job.table.claim(me);
        if (item) job.table.commit(*item, me, checksum_file(job.files[job.table.file_of(*item)]));
        job.leases.leaving(me, mine);
        if (!held.release()) job.leases.lost();
        if (item) continue;
        if (job.table.all_done()) return 0;
        // Others are at the last pieces; one of them may die, and its piece will be put back.
        std::this_thread::sleep_for(1ms);
    }
    return 0;
}

}  // namespace demo
