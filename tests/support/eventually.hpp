#pragma once

#include <chrono>
#include <thread>

#include "support/build_kind.hpp"

namespace shmsem::test {

/// For liveness only: true as soon as `holds` is, false when it still is not after a time that no working system needs.
/// Never a way to order two events; flag, barrier and tally are for that.
template <class Predicate>
[[nodiscard]] bool eventually(Predicate holds, std::chrono::seconds within = std::chrono::seconds{30}) {
    const auto end = std::chrono::steady_clock::now() + within * slowness;
    while (!holds()) {
        if (std::chrono::steady_clock::now() >= end) return holds();
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return true;
}

}  // namespace shmsem::test
