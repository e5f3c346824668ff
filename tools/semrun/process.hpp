#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "shmsem/options.hpp"

namespace shmsem::semrun {

/// How to start a command.
struct launch {
    const std::vector<std::string>& argv;
    std::vector<std::string> environment;  ///< "NAME=value", in place of what this process has under that name
    sigset_t mask{};
    int in = -1;  ///< -1: as this process has it
    int out = -1;
    int err = -1;
    bool own_group = false;  ///< a process group of its own, so that all of it can be signalled, and nobody else
};

/// A command that has been started. The kernel kills it when the thread that started it ends, which should be the main thread:
/// then that means when this process ends, in whatever way.
class process {
   public:
    process() noexcept = default;

    /// @param error  why it could not be executed; 0 if it was
    [[nodiscard]] static process start(const launch& how, int& error);

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    void send(int signal) const noexcept;
    /// SIGTERM now, and SIGKILL after `grace` if it has not ended by then. A second time changes nothing.
    void end(duration grace) noexcept;
    /// Sends that SIGKILL when it is time.
    void pass_time(deadline now) noexcept;
    [[nodiscard]] std::optional<deadline> due() const noexcept { return kill_at_; }

    /// The exit status, 128 + n when signal n ended it; nothing while it runs.
    [[nodiscard]] std::optional<int> ended() noexcept;

   private:
    pid_t pid_ = 0;
    bool group_ = false;
    bool ending_ = false;
    std::optional<deadline> kill_at_;
};

/// The status for a command that could not be executed: 127 when there is none of that name, else 126.
[[nodiscard]] int status_for(int exec_error) noexcept;

}  // namespace shmsem::semrun
