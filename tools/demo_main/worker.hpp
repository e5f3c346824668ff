#pragma once

#include <string>
#include <vector>

#include "demo_main/journal.hpp"
#include "demo_main/work_table.hpp"
#include "shmsem/semaphore.hpp"
#include "shmsem/worker_pool.hpp"

namespace demo {

/// What a worker needs to know.
struct assignment {
    const std::vector<std::string>& files;
    work_table& table;
    journal& leases;
    shmsem::semaphore permits;
    int round;
};

/// The body of one worker: takes a permit, then a file, checksums it, puts the result down and gives the permit back, until
/// every file is done. @return its exit status
int work(const assignment& job, int worker, const shmsem::worker_pool::context& context);

}  // namespace demo
