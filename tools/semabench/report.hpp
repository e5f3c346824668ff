#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "runner.hpp"

namespace semabench {

struct finished {
    benchmark what;
    outcome result;
};

/// What a reader has to know to judge the figures.
struct circumstances {
    int rounds = 0;
    bool quick = false;
    bool optimised = false;
    bool undisturbed = false;  ///< loops that never wait ran before other work
    double load_before = 0;

    /// Other work was running.
    [[nodiscard]] bool is_busy() const noexcept { return load_before > 0.5; }
};

/// Whether this program was compiled with optimisation and without sanitizers.
bool built_for_speed() noexcept;

/// Every line, ready to print.
std::string table_of(const std::vector<finished>& all);

/// For a web page, what answers the questions: of comparisons those of which something is wanted, or all where nothing is; of
/// a series the worst point; and what is stated without a peer.
std::string markdown_of(const std::vector<finished>& all, const circumstances& around);

/// README.md in this directory names the keys.
nlohmann::json json_of(const std::vector<finished>& all, const circumstances& around);

/// "name: why" of every contestant that was dropped.
std::vector<std::string> failures_of(const std::vector<finished>& all);

}  // namespace semabench
