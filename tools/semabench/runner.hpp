#pragma once

#include <string>
#include <vector>

#include "benchmark.hpp"
#include "statistics.hpp"

namespace semabench {

/// All samples of one contestant, round by round.
struct series {
    std::string name;
    std::vector<sample> rounds;
    std::string error;  ///< why it was dropped; empty: it ran to the end

    [[nodiscard]] std::vector<double> of(std::size_t measure) const;
};

struct outcome {
    series ours;
    std::vector<series> rivals;  ///< in the order of the benchmark's
};

/// Runs all contestants `rounds` times in turn, so that a change of the machine's mood meets them all. Odd rounds go
/// backwards: then none of them always follows the same other one. A contestant that fails is dropped and the rest goes on.
/// @throws interruption
outcome run(const benchmark& what, int rounds, const effort& work);

/// One line of the report: ours against one rival by one measure.
struct comparison {
    spread ours;
    spread rival;
    spread ratio;  ///< of the rounds' ratios: each round's two samples lie next to each other in time
    target wanted;
    bool met = true;
    double miss = 0;  ///< how much worse than wanted, as a fraction of what was wanted; 0 when met
};
comparison compare(const benchmark& what, const outcome& result, std::size_t rival, std::size_t measure);

}  // namespace semabench
