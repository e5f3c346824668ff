#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>

namespace shmsem::test {

/// The ways to make a child process: one of which the C library knows, and one of which it does not.
enum class fork_kind : std::uint8_t { libc, raw_clone };

pid_t fork_as(fork_kind how);

/// Runs `body` in a child and waits for its end. Checks that fail in it fail here.
void in_fork(fork_kind how, const std::function<void()>& body);

/// A child that runs until it is killed.
[[nodiscard]] pid_t start_fork(fork_kind how, const std::function<void()>& body);
void kill_fork(pid_t pid);

}  // namespace shmsem::test
