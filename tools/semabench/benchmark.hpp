#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "clock.hpp"

// The vocabulary: a benchmark asks one question and lets contestants do the same work in turn, ours and its rivals, or ours at
// growing sizes. Its lines say which of their figures answer the question, and what is wanted of them. A contestant's run() is
// one sample of every measure, on objects and processes made for that sample alone, so that luck with addresses, slots and
// process ids ends up in the spread and not in the result.

namespace semabench {

enum class better { lower, higher };

struct measure {
    std::string name;
    std::string unit;  // "ns", "/s", "B", or what is counted
    better direction = better::lower;
};

/// How much one sample may do.
struct effort {
    duration window;    ///< length of a timed loop
    int kills;          ///< holders killed, or other single trials
    duration settle;    ///< rest before a kill, so that every contestant's waiter and watchers are asleep
    duration watch;     ///< how long an idle process is looked at
    duration patience;  ///< after which a sample that has not ended counts as hung
    int most;           ///< processes, threads, permits or semaphores; what asks for more gets so many

    [[nodiscard]] int at_most(double wanted) const { return wanted < most ? static_cast<int>(wanted) : most; }
};

inline constexpr effort full_effort{std::chrono::milliseconds{60}, 100,
                                    std::chrono::milliseconds{2},  std::chrono::seconds{10},
                                    std::chrono::seconds{120},     1 << 20};
inline constexpr effort quick_effort{std::chrono::milliseconds{2}, 3,
                                     std::chrono::milliseconds{1}, std::chrono::milliseconds{20},
                                     std::chrono::seconds{60},     16};

/// One value for each measure of the benchmark.
using sample = std::vector<double>;

struct contestant {
    std::string name;
    std::function<sample(const effort&)> run;
    std::optional<double> size = {};  ///< its place on the axis of a series
};

/// What is wanted of a line: at most it where lower is better, at least it where higher is.
using target = std::optional<double>;
/// By measure; missing ones: the figure is only shown.
using targets = std::vector<target>;

struct rival {
    contestant who;
    targets wanted = {};
};

/// One line of the report: the figure of one contestant, as a ratio to that of another or, without one, by itself.
struct line {
    std::size_t measure;
    std::size_t who;
    std::optional<std::size_t> peer;
    target wanted;
};

struct benchmark {
    std::string name;      ///< family/variant
    std::string question;  ///< one line
    std::vector<measure> measures;
    std::string axis = {};  ///< of a series: what its sizes count
    std::vector<contestant> contestants = {};
    std::vector<line> lines = {};

    /// Ours against each rival, as ours / rival.
    benchmark& compare(const contestant& ours, const std::vector<rival>& rivals);
    /// A contestant's own figures, with limits on them.
    benchmark& state(const contestant& who, const targets& limits = {});
    /// One contestant at several sizes: each as a ratio to itself at the first of them.
    benchmark& grow(std::span<const double> sizes, const std::function<contestant(double)>& make,
                    const targets& limits = {});

   private:
    std::size_t enter(const contestant& who);
    void add_lines(std::size_t who, std::optional<std::size_t> peer, const targets& wanted);
};

std::vector<benchmark> all_benchmarks();

// One family each, in the file of that name.
void add_uncontended(std::vector<benchmark>& to);
void add_disjoint(std::vector<benchmark>& to);
void add_handoff(std::vector<benchmark>& to);
void add_contended(std::vector<benchmark>& to);
void add_death(std::vector<benchmark>& to);
void add_grants(std::vector<benchmark>& to);
void add_many_permits(std::vector<benchmark>& to);
void add_scale(std::vector<benchmark>& to);
void add_sweep(std::vector<benchmark>& to);
void add_memory(std::vector<benchmark>& to);
void add_idle(std::vector<benchmark>& to);
void add_attach(std::vector<benchmark>& to);
void add_redis(std::vector<benchmark>& to);

}  // namespace semabench
