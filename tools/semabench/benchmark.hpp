#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "clock.hpp"

// The vocabulary: a benchmark asks one question, and answers it by letting one contestant of ours and several rivals do the
// same work in turn. A contestant's run() is one sample of every measure, on objects and processes made for that sample
// alone, so that luck with addresses, slots and process ids ends up in the spread and not in the result.

namespace semabench {

enum class better { lower, higher };

struct measure {
    std::string name;
    std::string unit;  // "ns" or "/s"
    better direction = better::lower;
};

/// How much one sample may do.
struct effort {
    duration window;    ///< length of a timed loop
    int kills;          ///< holders killed
    duration settle;    ///< rest before a kill, so that every contestant's waiter and watchers are asleep
    duration patience;  ///< after which a sample that has not ended counts as hung
};

inline constexpr effort full_effort{std::chrono::milliseconds{60}, 100, std::chrono::milliseconds{2},
                                    std::chrono::seconds{60}};
inline constexpr effort quick_effort{std::chrono::milliseconds{2}, 3, std::chrono::milliseconds{1},
                                     std::chrono::seconds{60}};

/// One value for each measure of the benchmark.
using sample = std::vector<double>;

struct contestant {
    std::string name;
    std::function<sample(const effort&)> run;
};

/// The ratio ours / rival that is wanted: at most it where lower is better, at least it where higher is.
using target = std::optional<double>;

struct rival {
    contestant who;
    std::vector<target> targets = {};  ///< by measure; missing ones: the ratio is only shown
};

struct benchmark {
    std::string name;      ///< family/variant
    std::string question;  ///< one line
    std::vector<measure> measures;
    contestant ours;
    std::vector<rival> rivals;
};

std::vector<benchmark> all_benchmarks();

// One family each, in the file of that name.
void add_uncontended(std::vector<benchmark>& to);
void add_disjoint(std::vector<benchmark>& to);
void add_many_permits(std::vector<benchmark>& to);
void add_handoff(std::vector<benchmark>& to);
void add_contended(std::vector<benchmark>& to);
void add_death(std::vector<benchmark>& to);

}  // namespace semabench
