#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "demo_main/cost.hpp"

namespace demo {

/// Everything that the job found out, as plain values.
struct outcome {
    std::string directory;
    int workers = 0;
    int permits = 0;
    int kills_wanted = 0;

    // files
    std::size_t files_found = 0;
    std::size_t files_done = 0;  ///< each in every pass
    std::size_t duplicates = 0;  ///< results that came a second time
    std::size_t missing = 0;     ///< results that never came
    std::size_t unreadable = 0;  ///< files, among those done
    std::size_t unreadable_directories = 0;
    std::size_t changed = 0;     ///< files of which two passes saw different contents
    std::size_t passes = 0;      ///< how often each file was read
    int rounds = 0;              ///< how often the pool was run
    std::uint64_t bytes = 0;     ///< read, in all passes
    std::uint64_t checksum = 0;  ///< of all files' checksums, in order of their names
    std::chrono::duration<double> elapsed{};

    // workers
    std::size_t killed = 0;  ///< with SIGKILL, while they held a permit
    std::size_t restarted = 0;
    std::size_t failed = 0;      ///< ended in any other bad way
    std::size_t taken_over = 0;  ///< pieces of work of the killed that others did

    // permits
    std::uint32_t in_use = 0;  ///< at the end
    std::uint32_t lost = 0;    ///< of all, those that could not be acquired at once at the end
    std::uint64_t reaped = 0;
    std::size_t overlaps = 0;     ///< held twice at once
    std::size_t leases_lost = 0;  ///< by workers that were alive
    std::vector<std::string> broken_invariants;

    // order
    std::size_t leases = 0;
    std::size_t queued = 0;
    std::size_t not_recorded = 0;
    std::uint64_t inversions_counted = 0;  ///< by the semaphore
    std::size_t inversions_recorded = 0;   ///< by the workers' journal

    std::vector<std::chrono::nanoseconds> kill_to_grant;  ///< sorted; of those kills whose permit was leased again
    std::size_t never_granted = 0;                        ///< of the others, those while somebody waited for a permit
    demo::cost cost;

    [[nodiscard]] bool right() const;
};

/// The closing report: one line for each question.
std::string text_of(const outcome& o);
std::string json_of(const outcome& o);

}  // namespace demo
