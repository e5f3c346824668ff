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

/// Runs build/bin/<program>, or the program of an absolute path, to its end. `prepare` runs in the child just before exec.
[[nodiscard]] tool_result run_tool(const std::string& program, const std::vector<std::string>& arguments,
                                   const std::function<void()>& prepare = {});

}  // namespace shmsem::test
