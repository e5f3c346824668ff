#include "benchmark.hpp"

namespace semabench {

// A list and not self-registration: the order of the report is then ours, and no family can be dropped by the linker.
std::vector<benchmark> all_benchmarks() {
    std::vector<benchmark> all;
    add_uncontended(all);
    add_disjoint(all);
    add_many_permits(all);
    add_handoff(all);
    add_contended(all);
    add_death(all);
    return all;
}

}  // namespace semabench
