#pragma once

#include <csignal>
#include <optional>

namespace shmsem::semrun {

struct caught {
    int signal = 0;
    /// Sent by the terminal's driver, as with Ctrl-C: the whole foreground process group has it already.
    bool by_terminal = false;
};

/// From its making on the signals that concern a command wait here instead of ending this process. Make it before any thread
/// that is not the library's, and let it go right before the end.
class signal_watch {
   public:
    signal_watch();
    ~signal_watch();
    signal_watch(const signal_watch&) = delete;
    signal_watch& operator=(const signal_watch&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] std::optional<caught> next() noexcept;
    /// The mask as it was before, for the command.
    [[nodiscard]] const sigset_t& before() const noexcept { return before_; }
    /// Whoever started us wanted it to be ignored, as nohup does.
    [[nodiscard]] bool ignored(int signal) const noexcept { return ::sigismember(&ignored_, signal) == 1; }

   private:
    int fd_ = -1;
    sigset_t before_{};
    sigset_t ignored_{};
};

/// Stops this process as SIGTSTP does by default, if the kernel finds that somebody is there to let it go on. Returns when
/// it does.
void stop_self() noexcept;

}  // namespace shmsem::semrun
