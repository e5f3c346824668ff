#pragma once

#include <chrono>

#include "os/testing.hpp"

namespace shmsem::test {

/// Time passes for this process's view of the library's clock, and goes back at the end, so that tests in one process do not
/// see each other's. Deadlines given to the library are on the same, shifted clock: use now() for them.
class clock_shift {
   public:
    clock_shift() = default;
    explicit clock_shift(std::chrono::nanoseconds by) { forward(by); }
    ~clock_shift() { os::testing::advance_clock(-total_); }
    clock_shift(const clock_shift&) = delete;
    clock_shift& operator=(const clock_shift&) = delete;

    void forward(std::chrono::nanoseconds by) {
        total_ += by;
        os::testing::advance_clock(by);
    }
    [[nodiscard]] std::chrono::steady_clock::time_point now() const { return std::chrono::steady_clock::now() + total_; }

   private:
    std::chrono::nanoseconds total_{0};
};

}  // namespace shmsem::test
