#pragma once

#include <string>
#include <vector>

#include "benchmark.hpp"
#include "statistics.hpp"

namespace semabench {

/// All samples of one contestant, round by round.
struct series {
    std::vector<sample> rounds;
    std::string error;  ///< why it was dropped; empty: it ran to the end

    [[nodiscard]] std::vector<double> of(std::size_t measure) const;
};

/// Of each contestant, in the order of the benchmark's.
using outcome = std::vector<series>;

/// Runs all contestants `rounds` times in turn, so that a change of the machine's mood meets them all. Odd rounds go
/// backwards: then none of them always follows the same other one. A contestant that fails is dropped and the rest goes on.
/// @throws interruption
outcome run(const benchmark& what, int rounds, const effort& work);

/// What a line says in the end.
struct finding {
    spread figure;
    spread peer;   ///< zeros without a peer
    spread ratio;  ///< of the rounds' ratios: each round's two samples lie next to each other in time
    bool met = true;
    double miss = 0;  ///< how much worse than wanted, as a fraction of what was wanted (of 0: of 1); 0 when met
};
finding judge(const benchmark& what, const outcome& result, const line& about);

/// Whether both sides of the line have run.
bool has_samples(const outcome& result, const line& about);

}  // namespace semabench
