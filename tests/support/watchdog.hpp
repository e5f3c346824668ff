#pragma once

#include <time.h>

#include <chrono>

namespace shmsem::test {

/// Ends the test process when it outlives its guard: says which test hung and where each thread and child sleeps, removes
/// the segments it made, and aborts. A timer, not a thread, so that the process stays as single-threaded as the test left it;
/// a forked child does not inherit it, and dies with its parent instead (see child.hpp).
class watchdog {
   public:
    explicit watchdog(std::chrono::seconds limit);
    ~watchdog();
    watchdog(const watchdog&) = delete;
    watchdog& operator=(const watchdog&) = delete;

   private:
    timer_t timer_{};
    int owner_ = 0;
};

/// A file to unlink if the watchdog has to end this process; forget_file() with the same path takes it off again.
void remember_file(const char* path);
void forget_file(const char* path);

}  // namespace shmsem::test
