#pragma once

#include <string>
#include <variant>
#include <vector>

namespace shmsem::semtop {

inline constexpr int exit_ok = 0;
inline constexpr int exit_unreadable = 1;  ///< some segment could not be read, or the output not be written
inline constexpr int exit_usage = 2;

struct options {
    std::vector<std::string> segments;  ///< none: all
    bool json = false;
    bool all = false;
    bool reap = false;
    bool ascii = false;
};

/// What the command line asks for, or the status to exit with at once: it was --help, or it was wrong and has been told so.
[[nodiscard]] std::variant<options, int> parse(int argc, const char* const* argv);

}  // namespace shmsem::semtop
