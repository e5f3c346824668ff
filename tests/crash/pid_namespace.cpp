#include "crash/pid_namespace.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

namespace shmsem::test {

std::string no_pid_namespaces() {
    shared<std::atomic<int>> error{0};
    auto tries = fork_child([&] {
        if (::unshare(CLONE_NEWPID) != 0) error->store(errno);
    });
    EXPECT_EQ(tries.wait_exit(), 0);
    if (error->load() == 0) return {};
    return std::string("unshare(CLONE_NEWPID): ") + std::strerror(error->load());
}

in_pid_namespace::in_pid_namespace(std::function<void()> body) {
    outside_ = fork_child([&] {
        ASSERT_EQ(::unshare(CLONE_NEWPID), 0) << std::strerror(errno);
        const pid_t pid = ::fork();
        ASSERT_GE(pid, 0) << std::strerror(errno);
        if (pid == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            EXPECT_EQ(::getpid(), 1);
            body();
            std::fflush(stdout);
            ::_exit(::testing::Test::HasFailure() ? failed_in_child : 0);
        }
        pid_->store(pid);
        started_->raise();
        int status = 0;
        ASSERT_EQ(::waitpid(pid, &status, 0), pid);
        if (WIFSIGNALED(status)) {
            killed_->store(WTERMSIG(status));
        } else {
            EXPECT_EQ(WEXITSTATUS(status), 0);
        }
    });
    started_->wait();
}

void in_pid_namespace::kill() {
    ASSERT_EQ(::kill(pid_->load(), SIGKILL), 0);
    EXPECT_EQ(outside_.wait_exit(), 0);
    EXPECT_EQ(killed_->load(), SIGKILL);
}

void in_pid_namespace::wait_done() {
    EXPECT_EQ(outside_.wait_exit(), 0);
    EXPECT_EQ(killed_->load(), 0);
}

void in_pid_namespace::stop() const { ::kill(pid_->load(), SIGSTOP); }
void in_pid_namespace::cont() const { ::kill(pid_->load(), SIGCONT); }

}  // namespace shmsem::test
