#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

// The graph behind deadlock.hpp, without names: who waits in which queue, and who holds what others wait for.

namespace shmsem::report {

struct waiting_graph {
    struct place {
        std::size_t thread = 0;
        std::uint64_t permits = 1;
    };
    struct queue {
        std::uint64_t free = 0;      ///< permits that are free, or come free whatever the threads of this graph do
        std::vector<place> waiters;  ///< in the order in which they are served
        std::vector<place> holders;  ///< only threads of this graph; one may be there several times
    };
    std::size_t threads = 0;  ///< each waits in some queue
    std::vector<queue> queues;
};

/// Who is never served, when those of `able` (one flag for each thread) go on for certain.
[[nodiscard]] std::vector<bool> stuck_threads(const waiting_graph& graph, std::vector<bool> able);

/// Groups of stuck threads that wait for each other, each a deadlock by itself; threads in ascending order.
[[nodiscard]] std::vector<std::vector<std::size_t>> knots(const waiting_graph& graph);

/// For each stuck thread the number of a knot that it is part of, or that it waits for if it is part of none; others: -1.
[[nodiscard]] std::vector<int> blocked_by(const waiting_graph& graph, const std::vector<std::vector<std::size_t>>& knots);

}  // namespace shmsem::report
