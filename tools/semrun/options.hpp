#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "shmsem/options.hpp"

namespace shmsem::semrun {

// Exit statuses of semrun itself; all others are the command's. Those from 124 on are as in timeout(1), env(1) and nohup(1),
// that of failed jobs as in xargs(1).
inline constexpr int exit_ok = 0;
inline constexpr int exit_conflict = 1;  ///< no permit in time, unless --conflict-exit-code says otherwise, as in flock(1)
inline constexpr int exit_usage = 2;
inline constexpr int exit_jobs_failed = 123;
inline constexpr int exit_lost = 124;
inline constexpr int exit_failed = 125;
inline constexpr int exit_cannot_run = 126;
inline constexpr int exit_not_found = 127;
inline constexpr int exit_signal = 128;  ///< plus the signal that ended the command

enum class on_loss { kill, warn };
enum class halting { never, soon, now };

struct options {
    std::string segment;
    shmsem::sharing share = shmsem::sharing::owner;
    std::string semaphore;
    std::optional<std::int64_t> permits;  ///< nothing: as many as it has, or 1
    bool resize = false;

    std::int64_t weight = 1;
    std::optional<duration> timeout;  ///< nothing: as long as it takes; zero: not at all
    int conflict_status = exit_conflict;
    duration ttl{};  ///< zero: the semaphore's
    std::string tenant;
    std::optional<std::string> label;

    std::string seat_env;
    std::string token_env;
    on_loss lost = on_loss::kill;
    duration grace = std::chrono::seconds{10};
    bool verbose = false;

    // A command for each line of the standard input.
    bool each = false;
    bool null_separated = false;
    std::optional<std::size_t> jobs;  ///< nothing: as many as there are permits for
    halting halt = halting::never;
    bool quiet = false;

    std::vector<std::string> command;
};

/// What is printed instead of running anything: help on the standard output, or what is wrong with the arguments.
struct notice {
    int status = exit_ok;
    std::string text;
};

/// The arguments without the program's name. @param segment  the one to use when they name none
[[nodiscard]] std::variant<options, notice> parse(const std::vector<std::string>& arguments, const std::string& segment);

/// "--name" of each option, for those who document them.
[[nodiscard]] std::vector<std::string> option_names();

}  // namespace shmsem::semrun
