#include "crash/stepping.hpp"

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "support/eventually.hpp"
#include "support/shared.hpp"

namespace shmsem::test {
namespace {

/// While it exists a blocking call of the main thread ends every few milliseconds with EINTR.
class interruption {
   public:
    interruption() {
        struct sigaction action {};
        action.sa_handler = [](int) {};
        ::sigaction(SIGALRM, &action, &before_);
        const timeval often{.tv_sec = 0, .tv_usec = 2000};
        const itimerval times{.it_interval = often, .it_value = often};
        ::setitimer(ITIMER_REAL, &times, nullptr);
    }
    ~interruption() {
        const itimerval never{};
        ::setitimer(ITIMER_REAL, &never, nullptr);
        ::sigaction(SIGALRM, &before_, nullptr);
    }
    interruption(const interruption&) = delete;
    interruption& operator=(const interruption&) = delete;

   private:
    struct sigaction before_ {};
};

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

stepped_thread::stepped_thread(pid_t thread) : thread_(thread) {
    EXPECT_TRUE(eventually([&] { return sleeps(thread); }));
    EXPECT_EQ(::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr), 0) << std::strerror(errno);
    EXPECT_EQ(::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr), 0);
    int status = 0;
    EXPECT_EQ(::waitpid(thread, &status, __WALL), thread);
}

stepped_thread::moved stepped_thread::step_once(const std::function<bool()>* when_it_sleeps) {
    if (::ptrace(PTRACE_SINGLESTEP, thread_, nullptr, reinterpret_cast<void*>(static_cast<long>(signal_))) != 0) {
        ended_ = true;
        return moved::no;
    }
    signal_ = 0;
    int status = 0;
    while (::waitpid(thread_, &status, __WALL) != thread_) {
        if (!sleeps(thread_)) continue;
        if (when_it_sleeps == nullptr) return moved::asleep;
        if (!woken_) woken_ = (*when_it_sleeps)();
    }
    if (!WIFSTOPPED(status)) {
        ended_ = true;
        return moved::no;
    }
    const int reason = WSTOPSIG(status);
    if (reason == SIGSTOP) return moved::no;
    if (reason != SIGTRAP) signal_ = reason;
    return moved::yes;
}

long stepped_thread::step(long most, const std::function<bool()>& when_it_sleeps) {
    const interruption sees_that_it_sleeps;
    for (long done = 0; done < most; ++done) {
        switch (step_once(when_it_sleeps ? &when_it_sleeps : nullptr)) {
            case moved::yes: break;
            case moved::asleep:
                ::ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr);  // where it was seized: it can be let go then
                return done;
            case moved::no: return done;
        }
    }
    return most;
}

void stepped_thread::let_go() {
    if (ended_) return;
    int status = 0;
    // It is on its way to the stop that it was told of, or stopped, or killed with its process.
    while (::ptrace(PTRACE_DETACH, thread_, nullptr, nullptr) != 0) {
        if (::waitpid(thread_, &status, __WALL) == thread_ && WIFSTOPPED(status)) continue;
        return;
    }
}

void stepped_process::marks::begin() const {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
}

void stepped_process::marks::end() const { ::raise(SIGSTOP); }

stepped_process::stepped_process(const std::function<void(const marks&)>& body) {
    process_ = fork_child([&] { body(marks{}); });
    thread_ = process_.pid();
    int status = 0;
    EXPECT_EQ(::waitpid(thread_, &status, __WALL), thread_);
    EXPECT_TRUE(WIFSTOPPED(status)) << "ended before it came to the code in question";
}

void stepped_process::without_its_background_thread() {
    if (const pid_t thread = background_thread_of(pid()); thread != 0) background_.emplace(thread);
}

void stepped_process::expect_killed() {
    send_kill();
    if (background_) background_->let_go();
    EXPECT_EQ(process_.wait_signal(), SIGKILL);
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

std::mt19937_64& random_numbers() {
    static std::mt19937_64 numbers = [] {
        const char* given = std::getenv("SHMSEM_SEED");
        const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
        std::printf("repeat with SHMSEM_SEED=%llu\n", static_cast<unsigned long long>(seed));
        return std::mt19937_64(seed);
    }();
    return numbers;
}

long deaths_asked_for(long usual, long all) {
    const char* given = std::getenv("SHMSEM_DEATHS");
    if (given == nullptr) return usual;
    return std::string_view(given) == "all" ? all : std::strtol(given, nullptr, 10);
}

void death_plan::carry_out(const std::function<bool(long n)>& kill_after) {
    const bool all = deaths_ > total_;
    const long tries = all ? total_ + 1 : deaths_;
    std::uniform_int_distribution<long> anywhere(0, total_);
    long killed = 0;
    for (long i = 0; i < tries && !::testing::Test::HasFailure(); ++i) {
        const long n = all ? i : anywhere(random_numbers());
        if (kill_after(n)) ++killed;
        if (::testing::Test::HasFailure()) std::printf("failed when killed after %ld instructions\n", n);
    }
    std::printf("%ld instructions, killed after %s: %ld deaths before the end, %s\n", total_, all ? "each" : "some of them",
                killed, ::testing::Test::HasFailure() ? "FAILED" : "0 violations");
}

}  // namespace shmsem::test
