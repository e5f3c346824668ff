#pragma once

#include <functional>
#include <string>
#include <vector>

namespace shmsem::test {

struct tool_result {
    int status = -1;  ///< exit status; 128 + n when a signal ended it
    std::string out;
    std::string err;
};

/// Runs build/bin/<program> to its end. `prepare` runs in the child just before exec.
[[nodiscard]] tool_result run_tool(const std::string& program, const std::vector<std::string>& arguments,
                                   const std::function<void()>& prepare = {});

/// The same of any program, by its path or found in PATH.
[[nodiscard]] tool_result run_program(const std::string& program, const std::vector<std::string>& arguments,
                                      const std::function<void()>& prepare = {});

/// build/bin/<program>
[[nodiscard]] std::string path_of_tool(const std::string& program);

}  // namespace shmsem::test
