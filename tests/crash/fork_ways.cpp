#include "crash/fork_ways.hpp"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "support/build_kind.hpp"
#include "support/child.hpp"

namespace shmsem::test {
namespace {

/// How many checks have failed in this process.
int failures() { return ::testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count(); }

}  // namespace

pid_t fork_as(fork_kind how) {
    std::fflush(stdout);
    std::fflush(stderr);
    if (how == fork_kind::libc) return ::fork();
    return static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

void in_fork(fork_kind how, const std::function<void()>& body) {
    const int before = failures();
    const pid_t pid = fork_as(how);
    ASSERT_GE(pid, 0);
    if (pid == 0) {
        body();
        std::fflush(stdout);
        ::_exit(failures() == before ? 0 : failed_in_child);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

pid_t start_fork(fork_kind how, const std::function<void()>& body) {
    const pid_t pid = fork_as(how);
    if (pid == 0) {
        ::alarm(240 * slowness);  // nobody may be left to kill it when a test fails
        body();
        for (;;) ::pause();
    }
    return pid;
}

void kill_fork(pid_t pid) {
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

}  // namespace shmsem::test
