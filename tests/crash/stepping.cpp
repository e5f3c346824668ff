#include "crash/stepping.hpp"

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "support/build_kind.hpp"
#include "support/eventually.hpp"
#include "support/seed.hpp"
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

void LedProcesses::SetUp() {
    const std::string reason = no_tracing();
    if (!reason.empty()) GTEST_SKIP() << reason;
    if (thread_sanitizer) GTEST_SKIP() << "single steps through its runtime take for ever";
}

void path::add(std::uintptr_t instruction) {
    const bool is_new = seen_.insert(instruction).second;
    const auto after = static_cast<long>(at_.size());
    landmark_.push_back(is_new || landmark_.empty() ? after : landmark_.back());
    at_.push_back(instruction);
}

path::landmark path::last_within(long most) const {
    const long end = std::min(most, static_cast<long>(at_.size()) - 1);
    const long after = landmark_[static_cast<std::size_t>(end)];
    return {.instruction = at_[static_cast<std::size_t>(after)], .after = after};
}

stepped_thread::stepped_thread(pid_t thread) : thread_(thread) {
    EXPECT_TRUE(eventually([&] { return sleeps(thread); }));
    EXPECT_EQ(::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr), 0) << std::strerror(errno);
    EXPECT_EQ(::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr), 0);
    int status = 0;
    EXPECT_EQ(::waitpid(thread, &status, __WALL), thread);
}

stepped_thread::moved stepped_thread::resume(int request, const std::function<bool()>& when_it_sleeps) {
    const auto how = static_cast<__ptrace_request>(request);
    if (::ptrace(how, thread_, nullptr, reinterpret_cast<void*>(static_cast<long>(signal_))) != 0) {
        ended_ = true;
        return moved::no;
    }
    signal_ = 0;
    int status = 0;
    while (::waitpid(thread_, &status, __WALL) != thread_) {
        if (!sleeps(thread_)) continue;
        if (!when_it_sleeps) {
            ::ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr);  // where it was seized: it can be let go then
            return moved::asleep;
        }
        if (!woken_) woken_ = when_it_sleeps();
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
    long done = 0;
    while (done < most && resume(PTRACE_SINGLESTEP, when_it_sleeps) == moved::yes) ++done;
    return done;
}

long stepped_thread::step_along(path& way, long most, const std::function<bool()>& when_it_sleeps) {
    if (way.known()) {
        const long ran = run_along(way, most, when_it_sleeps);
        return ran < 0 ? -ran : ran + step(most - ran, when_it_sleeps);
    }
    const interruption sees_that_it_sleeps;
    way.add(next_instruction());
    long done = 0;
    while (done < most && resume(PTRACE_SINGLESTEP, when_it_sleeps) == moved::yes) {
        way.add(next_instruction());
        ++done;
    }
    return done;
}

/// @return how many instructions were executed; negative when the place was not reached: it went another way this time, to its end
long stepped_thread::run_along(const path& way, long most, const std::function<bool()>& when_it_sleeps) {
    const auto [place, after] = way.last_within(most);
    if (after == 0 || !stop_before(place)) return 0;
    const interruption sees_that_it_sleeps;
    for (;;) {
        if (resume(PTRACE_CONT, when_it_sleeps) != moved::yes) return -(after - 1);
        if (next_instruction() == place) break;
    }
    (void)stop_before(0);
    return after;
}

#if defined(__x86_64__)
std::uintptr_t stepped_thread::next_instruction() const {
    return static_cast<std::uintptr_t>(::ptrace(PTRACE_PEEKUSER, thread_, offsetof(user, regs.rip), nullptr));
}

bool stepped_thread::stop_before(std::uintptr_t instruction) const {
    // Debug register 7: bit 0 switches register 0 on, all other zeros say "when executed". It is off while the address changes.
    const auto set = [this](std::size_t which, std::uintptr_t value) {
        return ::ptrace(PTRACE_POKEUSER, thread_, offsetof(user, u_debugreg) + which * sizeof(user::u_debugreg[0]), value) == 0;
    };
    if (!set(7, 0)) return false;
    return instruction == 0 || (set(0, instruction) && set(7, 1));
}
#else
std::uintptr_t stepped_thread::next_instruction() const { return 0; }  // all the same place: every step is taken
bool stepped_thread::stop_before(std::uintptr_t) const { return false; }
#endif

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

int stepped_process::wait_exit() {
    ::ptrace(PTRACE_DETACH, thread_, nullptr, nullptr);
    return process_.wait_exit();
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
    static std::mt19937_64 numbers(seed_of_this_run());
    return numbers;
}

long deaths_asked_for(long usual, long all) {
    const char* given = std::getenv("SHMSEM_DEATHS");
    if (given == nullptr) return usual;
    return std::string_view(given) == "all" ? all : std::strtol(given, nullptr, 10);
}

void die_throughout(long total, long usual_deaths, const std::function<long(long n)>& kill_after) {
    ASSERT_LT(total, whole_way);
    const long deaths = deaths_asked_for(usual_deaths, total + 1);
    const bool all = deaths > total;
    const long tries = all ? total + 1 : deaths;
    std::uniform_int_distribution<long> anywhere(0, total);
    long killed = 0;
    for (long i = 0; i < tries && !::testing::Test::HasFailure(); ++i) {
        const long n = all ? i : anywhere(random_numbers());
        if (kill_after(n) == n) ++killed;
        if (::testing::Test::HasFailure()) std::printf("failed when killed after %ld instructions\n", n);
    }
    std::printf("%ld instructions, killed after %s: %ld deaths before the end, %s\n", total, all ? "each" : "some of them",
                killed, ::testing::Test::HasFailure() ? "FAILED" : "0 violations");
}

}  // namespace shmsem::test
