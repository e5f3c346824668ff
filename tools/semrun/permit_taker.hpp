#pragma once

#include <atomic>
#include <exception>
#include <optional>
#include <string>
#include <thread>

#include "semrun/bell.hpp"
#include "semrun/options.hpp"
#include "shmsem/semaphore.hpp"

namespace shmsem::semrun {

/// Waits in line while this thread does something else: one place at a time, kept from ask() to the answer. What can be had
/// without waiting is had without a thread.
class permit_taker {
   public:
    /// @param answered  is rung when there is something to take()
    permit_taker(const options& asked, semaphore from, bell& answered)
        : asked_(asked), from_(std::move(from)), answered_(answered) {}
    ~permit_taker() { cancel(); }
    permit_taker(const permit_taker&) = delete;
    permit_taker& operator=(const permit_taker&) = delete;

    /// Only when it is not busy().
    void ask(const std::string& label);
    /// From ask() to take() or cancel().
    [[nodiscard]] bool busy() const noexcept { return busy_; }

    struct answer {
        lease held;  ///< empty: not in time
    };
    /// The answer, once there is one. @throws what acquire() throws
    [[nodiscard]] std::optional<answer> take();
    /// Leaves the line; a permit that it had already goes back.
    void cancel();

   private:
    void wait(const std::stop_token& stop);

    const options& asked_;
    semaphore from_;
    bell& answered_;
    bool busy_ = false;
    std::string label_;
    std::atomic<bool> ready_{false};
    lease held_;
    std::exception_ptr error_;
    std::jthread thread_;
};

}  // namespace shmsem::semrun
