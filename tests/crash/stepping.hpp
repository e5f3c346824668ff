#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

#include "support/child.hpp"

// Processes that are led through a piece of code instruction by instruction, so that they can be killed after each of them. What
// the kernel does for a system call counts as one.

namespace shmsem::test {

/// Empty where a process may trace its children, else why not.
[[nodiscard]] std::string no_tracing();

/// For tests that lead processes; they are skipped where that can not be.
class LedProcesses : public ::testing::Test {
   protected:
    void SetUp() override;
};

/// Where the main thread of a process goes, instruction by instruction: recorded by the first that is led there, and for those that
/// follow the way to run most of it. A step costs some 20 us in a virtual machine, so it is the steps that take the time.
class path {
   public:
    [[nodiscard]] bool known() const noexcept { return !at_.empty(); }
    void add(std::uintptr_t instruction);
    /// The last place within `most` instructions that is not passed before, and after how many instructions it is reached.
    struct landmark {
        std::uintptr_t instruction = 0;
        long after = 0;
    };
    [[nodiscard]] landmark last_within(long most) const;

   private:
    std::vector<std::uintptr_t> at_;
    std::vector<long> landmark_;  // for each number of instructions the last new one
    std::unordered_set<std::uintptr_t> seen_;
};

/// A thread of another process that goes one instruction at a time; the process's other threads run freely.
class stepped_thread {
   public:
    /// From where it happens to sleep.
    explicit stepped_thread(pid_t thread);
    /// @param when_it_sleeps called when the thread sleeps in the kernel, until it says that it has seen to its waking up; without
    ///        it that ends the stepping
    /// @return how many instructions were executed; fewer than `most` when it has ended, stopped itself, or sleeps
    long step(long most, const std::function<bool()>& when_it_sleeps = {});
    /// The same along a path, which is recorded if it is not known yet.
    long step_along(path& way, long most, const std::function<bool()>& when_it_sleeps = {});
    /// To be called after its process was killed or let go.
    void let_go();

   protected:
    stepped_thread() = default;
    pid_t thread_ = 0;

   private:
    enum class moved : std::uint8_t { yes, asleep, no };
    moved resume(int request, const std::function<bool()>& when_it_sleeps);
    [[nodiscard]] std::uintptr_t next_instruction() const;
    [[nodiscard]] bool stop_before(std::uintptr_t instruction) const;
    long run_along(const path& way, long most, const std::function<bool()>& when_it_sleeps);

    int signal_ = 0;  // came while it stepped, to be handed on
    bool woken_ = false;
    bool ended_ = false;
};

/// A process of which the main thread stops before the piece of code in question and after it.
class stepped_process : public stepped_thread {
   public:
    /// What `body` calls around the code.
    class marks {
       public:
        void begin() const;
        void end() const;
    };

    /// Returns when the process has come to begin().
    explicit stepped_process(const std::function<void(const marks&)>& body);
    [[nodiscard]] pid_t pid() const noexcept { return process_.pid(); }
    /// Keeps its background thread, if it has one, from doing anything at all.
    void without_its_background_thread();
    void send_kill() const { process_.send(SIGKILL); }
    void expect_killed();
    /// Lets it run from where it is stopped to its end. @return its exit status
    int wait_exit();

   private:
    child process_;
    std::optional<stepped_thread> background_;
};

/// The library's background thread of a process that has used it; 0 if there is none.
[[nodiscard]] pid_t background_thread_of(pid_t process);

/// Random numbers of this run: see support/seed.hpp.
[[nodiscard]] std::mt19937_64& random_numbers();

/// SHMSEM_DEATHS, a number or "all"; `usual` without it.
[[nodiscard]] long deaths_asked_for(long usual, long all);

/// More instructions than any operation has, and a time in which all of them can be tried.
inline constexpr long whole_way = 10'000'000;
inline constexpr std::chrono::hours all_day{24};

/// Calls `kill_after(n)` for n in 0..total, for each of them if all deaths are asked for, else for some at random; until a check
/// fails, and then says for which.
/// @param kill_after returns how many instructions were executed: fewer when it went another way this time
void die_throughout(long total, long usual_deaths, const std::function<long(long n)>& kill_after);

}  // namespace shmsem::test
