#pragma once

#include "shmsem/options.hpp"

namespace shmsem::ext {

/// The waits before one restart after another: they double from `initial` up to `max`, and begin again after reset().
class backoff {
   public:
    backoff(duration initial, duration max) noexcept : initial_(initial), max_(max), next_(initial) {}

    duration next() noexcept {
        const duration now = next_;
        next_ = next_ > max_ / 2 ? max_ : next_ * 2;
        return now;
    }
    void reset() noexcept { next_ = initial_; }

   private:
    duration initial_;
    duration max_;
    duration next_;
};

}  // namespace shmsem::ext
