#include "benchmark.hpp"

namespace semabench {

std::size_t benchmark::enter(const contestant& who) {
    contestants.push_back(who);
    return contestants.size() - 1;
}

void benchmark::add_lines(std::size_t who, std::optional<std::size_t> peer, const targets& wanted) {
    for (std::size_t i = 0; i < measures.size(); ++i) {
        lines.push_back({i, who, peer, i < wanted.size() ? wanted[i] : target{}});
    }
}

benchmark& benchmark::compare(const contestant& ours, const std::vector<rival>& rivals) {
    const auto us = enter(ours);
    for (const auto& one : rivals) add_lines(us, enter(one.who), one.wanted);
    return *this;
}

benchmark& benchmark::state(const contestant& who, const targets& limits) {
    add_lines(enter(who), {}, limits);
    return *this;
}

benchmark& benchmark::grow(std::span<const double> sizes, const std::function<contestant(double)>& make,
                           const targets& limits) {
    std::optional<std::size_t> first;
    for (const double size : sizes) {
        auto one = make(size);
        one.size = size;
        const auto who = enter(one);
        add_lines(who, first, first ? limits : targets{});
        if (!first) first = who;
    }
    return *this;
}

// A list and not self-registration: the order of the report is then ours, and no family can be dropped by the linker.
std::vector<benchmark> all_benchmarks() {
    std::vector<benchmark> all;
    add_uncontended(all);
    add_disjoint(all);
    add_handoff(all);
    add_contended(all);
    add_death(all);
    add_grants(all);
    add_many_permits(all);
    add_scale(all);
    add_sweep(all);
    add_memory(all);
    add_idle(all);
    add_attach(all);
    add_redis(all);
    return all;
}

}  // namespace semabench
