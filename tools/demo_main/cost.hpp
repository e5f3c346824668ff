#pragma once

#include "shmsem/semaphore.hpp"

namespace demo {

/// Nanoseconds for one pair of calls by one process that nobody competes with.
struct cost {
    double acquire_release = 0;
    double sem_wait_post = 0;  ///< a sem_t shared between processes
};

/// Measures both in turns, so that a change of the machine's speed meets both, and takes the medians.
cost compare(shmsem::semaphore& permits);

}  // namespace demo
