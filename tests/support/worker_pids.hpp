#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

#include "shmsem/worker_pool.hpp"

namespace shmsem::test {

/// Yes, if there is no such process any more, not even as a zombie.
inline ::testing::AssertionResult gone(pid_t pid) {
    errno = 0;
    if (::waitpid(pid, nullptr, WNOHANG) != -1 || errno != ECHILD) {
        return ::testing::AssertionFailure() << "process " << pid << " can still be waited for";
    }
    errno = 0;
    if (::kill(pid, 0) != -1 || errno != ESRCH) return ::testing::AssertionFailure() << "process " << pid << " still exists";
    return ::testing::AssertionSuccess();
}

/// Yes, if that holds for every worker that the pool has seen the end of.
inline ::testing::AssertionResult all_gone(const worker_pool& pool) {
    for (const worker_exit& e : pool.exits()) {
        if (auto result = gone(e.pid); !result) return result << " (worker " << e.index << ", life " << e.life << ")";
    }
    return ::testing::AssertionSuccess();
}

}  // namespace shmsem::test
