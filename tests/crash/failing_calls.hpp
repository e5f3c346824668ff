#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "crash/stepping.hpp"

// The kernel says no: one system call of a process fails that would have worked.

namespace shmsem::test {

/// One call of the kernel that a piece of code made.
struct system_call {
    long number = 0;
    std::uint64_t first_argument = 0;
    std::uint64_t second_argument = 0;
};

/// A process of which one system call, between its marks, is not made but fails.
class refused_process {
   public:
    explicit refused_process(const std::function<void(const stepped_process::marks&)>& body);
    /// Lets it go to its second mark. @return the calls that it made
    std::vector<system_call> run_watched();
    /// The same, but the nth call, counted from 0, gives `error`. @return false if it was another call this time
    bool run_refusing(std::size_t nth, const system_call& expected, int error);
    /// From its second mark to its end.
    int wait_exit() { return process_.wait_exit(); }

   private:
    bool next_call(system_call& made);
    bool to_next_stop();

    stepped_process process_;
};

/// What that call may say according to its manual, of what a process has to live with.
[[nodiscard]] std::vector<int> plausible_errors(const system_call& of);

/// Empty where system calls can be made to fail, else why not.
[[nodiscard]] std::string no_refusing();

}  // namespace shmsem::test
