#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "support/child.hpp"

// Processes that are led through a piece of code instruction by instruction, so that they can be killed after each of them.

namespace shmsem::test {

/// Empty where a process may trace its children, else why not.
[[nodiscard]] std::string no_tracing();

/// A process that stops before the piece of code in question and after it; all other threads of it run freely.
class stepped_process {
   public:
    /// What `body` calls around the code.
    class marks {
       public:
        void begin() const;
        void end() const;
    };

    /// Returns when the process has come to begin().
    explicit stepped_process(const std::function<void(const marks&)>& body);
    /// @return how many instructions were executed; fewer than `most` when it has come to end()
    long step(long most);
    void expect_killed();

   private:
    child process_;
};

/// Another process's thread under the same treatment, from where it happens to sleep to its end.
class stepped_thread {
   public:
    explicit stepped_thread(pid_t thread);
    /// @return how many instructions were executed; fewer than `most` when the thread has ended
    long step(long most);
    /// The same; ends also when the thread falls asleep.
    long step_while_awake(long most);
    /// To be called after its process was killed or let go.
    void let_go();

   private:
    pid_t thread_;
    bool ended_ = false;
};

/// The library's background thread of a process that has used it; 0 if there is none.
[[nodiscard]] pid_t background_thread_of(pid_t process);

/// Calls `kill_after(n)` for many n in 0..total, for every n if there are no more than `rounds`; the first is chosen at random.
void for_many_steps(long total, long rounds, const std::function<void(long n)>& kill_after);

}  // namespace shmsem::test
