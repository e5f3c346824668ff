#pragma once

#include <atomic>
#include <string>

#include "demo_main/outcome.hpp"

namespace demo {

struct job_options {
    std::string directory;
    std::string results;  ///< a file for one line per file: checksum, bytes, name; empty: none
    int workers = 8;
    int permits = 3;
    int kills = 3;
    bool quiet = false;
};

/// Runs the whole job, in a segment of its own that is removed at the end, whatever happens.
/// @return nothing when `interrupted` became non-zero meanwhile
/// @throws std::exception when it cannot be run at all
std::optional<outcome> run_job(const job_options& options, const std::atomic<int>& interrupted);

}  // namespace demo
