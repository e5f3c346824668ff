#include "runner.hpp"

#include <algorithm>
#include <exception>

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
    outcome result;
    result.ours.name = what.ours.name;
    for (const auto& rival : what.rivals) result.rivals.push_back({rival.who.name, {}, {}});

    struct turn {
        const contestant* who;
        series* into;
    };
    std::vector<turn> turns = {{&what.ours, &result.ours}};
    for (std::size_t i = 0; i < what.rivals.size(); ++i) turns.push_back({&what.rivals[i].who, &result.rivals[i]});

    for (int round = 0; round < rounds && result.ours.error.empty(); ++round) {
        for (const auto& [who, into] : turns) {
            show_progress(what.name, who->name, round + 1, rounds);
            take_turn(*who, work, *into);
        }
        std::reverse(turns.begin(), turns.end());
    }
    return result;
}

comparison compare(const benchmark& what, const outcome& result, std::size_t rival, std::size_t measure) {
    const auto ours = result.ours.of(measure);
    const auto theirs = result.rivals.at(rival).of(measure);
    std::vector<double> ratios;
    for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
        if (theirs[i] > 0) ratios.push_back(ours[i] / theirs[i]);
    }
    comparison line{spread_of(ours), spread_of(theirs), spread_of(ratios), {}, true, 0};
    const auto& targets = what.rivals.at(rival).targets;
    if (measure < targets.size()) line.wanted = targets[measure];
    if (line.wanted) {
        const double excess = line.ratio.median / *line.wanted - 1;
        const double worse = what.measures.at(measure).direction == better::lower ? excess : -excess;
        line.met = worse <= 0 && !ratios.empty();
        line.miss = std::max(0.0, worse);
    }
    return line;
}

}  // namespace semabench
