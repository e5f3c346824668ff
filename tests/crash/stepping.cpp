#include "crash/stepping.hpp"

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "support/eventually.hpp"
#include "support/shared.hpp"

namespace shmsem::test {
namespace {

/// One instruction. @return the stop signal, or 0 when there is nothing more to step
int step_once(pid_t thread) {
    if (::ptrace(PTRACE_SINGLESTEP, thread, nullptr, nullptr) != 0) return 0;
    int status = 0;
    if (::waitpid(thread, &status, __WALL) != thread || !WIFSTOPPED(status)) return 0;
    return WSTOPSIG(status);
}

}  // namespace

std::string no_tracing() {
    shared<std::atomic<int>> error{0};
    auto tries = fork_child([&] {
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) error->store(errno);
    });
    EXPECT_EQ(tries.wait_exit(), 0);
    if (error->load() == 0) return {};
    return std::string("ptrace: ") + std::strerror(error->load());
}

void stepped_process::marks::begin() const {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
}

void stepped_process::marks::end() const { ::raise(SIGSTOP); }

stepped_process::stepped_process(const std::function<void(const marks&)>& body) {
    process_ = fork_child([&] { body(marks{}); });
    int status = 0;
    EXPECT_EQ(::waitpid(process_.pid(), &status, __WALL), process_.pid());
    EXPECT_TRUE(WIFSTOPPED(status));
}

long stepped_process::step(long most) {
    long done = 0;
    while (done < most && step_once(process_.pid()) == SIGTRAP) ++done;
    return done;
}

void stepped_process::expect_killed() {
    process_.send(SIGKILL);
    EXPECT_EQ(process_.wait_signal(), SIGKILL);
}

stepped_thread::stepped_thread(pid_t thread) : thread_(thread) {
    EXPECT_TRUE(eventually([&] { return sleeps(thread); }));
    EXPECT_EQ(::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr), 0) << std::strerror(errno);
    EXPECT_EQ(::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr), 0);
    int status = 0;
    EXPECT_EQ(::waitpid(thread, &status, __WALL), thread);
}

long stepped_thread::step(long most) {
    long done = 0;
    while (done < most) {
        if (step_once(thread_) == 0) {
            ended_ = true;
            break;
        }
        ++done;
    }
    return done;
}

long stepped_thread::step_while_awake(long most) {
    for (long done = 0; done < most; ++done) {
        if (::ptrace(PTRACE_SINGLESTEP, thread_, nullptr, nullptr) != 0) return done;
        int status = 0;
        while (::waitpid(thread_, &status, __WALL | WNOHANG) != thread_) {
            if (!sleeps(thread_)) continue;
            ::ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr);
            ::waitpid(thread_, &status, __WALL);
            return done;
        }
    }
    return most;
}

void stepped_thread::let_go() {
    if (!ended_ && ::ptrace(PTRACE_DETACH, thread_, nullptr, nullptr) != 0) {
        int status = 0;
        ::waitpid(thread_, &status, __WALL);  // killed with its process
    }
}

pid_t background_thread_of(pid_t process) {
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
        std::ifstream file(task.path() / "comm");
        std::string name;
        std::getline(file, name);
        if (name == "shmsem") return std::stoi(task.path().filename());
    }
    return 0;
}

void for_many_steps(long total, long rounds, const std::function<void(long n)>& kill_after) {
    const long stride = std::max(1L, total / rounds);
    const long first = static_cast<long>(std::random_device{}() % static_cast<unsigned long>(stride));
    std::printf("%ld instructions; killed after %ld, %ld, ... of them\n", total, first, first + stride);
    for (long n = first; n <= total && !::testing::Test::HasFailure(); n += stride) {
        kill_after(n);
        if (::testing::Test::HasFailure()) std::printf("failed when killed after %ld instructions\n", n);
    }
}

}  // namespace shmsem::test
