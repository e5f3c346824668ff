#pragma once

#include <poll.h>

#include <exception>
#include <span>

#include "clock.hpp"

// SIGINT, SIGTERM and SIGHUP end the run by an exception from the one place where the parent blocks. Everything that the run
// made is owned by an object on the way up, so it is gone by the time main() returns; nothing is cleaned up in a handler.

namespace semabench {

class interruption : public std::exception {
   public:
    explicit interruption(int signal) noexcept : signal_(signal) {}
    [[nodiscard]] const char* what() const noexcept override { return "interrupted"; }
    [[nodiscard]] int signal() const noexcept { return signal_; }

   private:
    int signal_;
};

/// From here on those signals arrive only inside poll_or_throw().
void hold_signals();

/// In a forked child: the terminal's SIGINT and SIGHUP are the parent's to act on, everything else as a process starts.
void child_signals();

/// As poll(). @return false when the time passed first. @throws interruption
bool poll_or_throw(std::span<pollfd> on, duration timeout);

/// Sleeps. @throws interruption
void rest(duration length);

}  // namespace semabench
