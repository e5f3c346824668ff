#include "runner.hpp"

#include <algorithm>
#include <exception>
#include <numeric>

#include "interrupt.hpp"
#include "progress.hpp"

namespace semabench {

namespace {

void take_turn(const contestant& who, const effort& work, series& into) {
    if (!into.error.empty()) return;
    try {
        into.rounds.push_back(who.run(work));
    } catch (const interruption&) {
        throw;
    } catch (const std::exception& error) {
        into.error = error.what();
    }
}

}  // namespace

std::vector<double> series::of(std::size_t measure) const {
    std::vector<double> values;
    for (const auto& round : rounds) values.push_back(round.at(measure));
    return values;
}

outcome run(const benchmark& what, int rounds, const effort& work) {
    outcome result(what.contestants.size());
    std::vector<std::size_t> turns(what.contestants.size());
    std::iota(turns.begin(), turns.end(), 0U);
    for (int round = 0; round < rounds; ++round) {
        for (const auto i : turns) {
            show_progress(what.name, what.contestants[i].name, round + 1, rounds);
            take_turn(what.contestants[i], work, result[i]);
        }
        std::reverse(turns.begin(), turns.end());
    }
    return result;
}

finding judge(const benchmark& what, const outcome& result, const line& about) {
    const auto figures = result.at(about.who).of(about.measure);
    std::vector<double> theirs;
    std::vector<double> ratios;
    if (about.peer) {
        theirs = result.at(*about.peer).of(about.measure);
        for (std::size_t i = 0; i < std::min(figures.size(), theirs.size()); ++i) {
            if (theirs[i] > 0) ratios.push_back(figures[i] / theirs[i]);
        }
    }
    finding found{spread_of(figures), spread_of(theirs), spread_of(ratios), true, 0};
    if (about.wanted) {
        const double value = about.peer ? found.ratio.median : found.figure.median;
        const double scale = *about.wanted != 0 ? *about.wanted : 1;
        const double excess = (value - *about.wanted) / scale;
        const double worse = what.measures.at(about.measure).direction == better::lower ? excess : -excess;
        found.met = worse <= 0 && !(about.peer ? ratios : figures).empty();
        found.miss = std::max(0.0, worse);
    }
    return found;
}

bool has_samples(const outcome& result, const line& about) {
    return !result.at(about.who).rounds.empty() && (!about.peer || !result.at(*about.peer).rounds.empty());
}

}  // namespace semabench
