#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "semtop/palette.hpp"

namespace shmsem::semtop {

inline constexpr int exit_ok = 0;
inline constexpr int exit_unreadable = 1;  ///< some segment could not be read, or the output not be written
inline constexpr int exit_usage = 2;

enum class format : std::uint8_t {
    automatic,  ///< live on a terminal, otherwise a table
    table,
    json,
    csv,
    prometheus,
};

struct options {
    std::vector<std::string> segments;  ///< none: all
    format output = format::automatic;
    std::optional<std::chrono::milliseconds> watch;  ///< batch, again and again
    std::chrono::milliseconds delay{1000};           ///< of the live view
    std::optional<colours> with;                     ///< nothing: as the terminal has
    std::size_t sort_by = 0;                         ///< index into overview_columns()
    bool sort_given = false;
    std::string filter;
    bool all = false;
    bool reap = false;
    bool ascii = false;
    bool mouse = false;
};

/// What the command line asks for, or the status to exit with at once: it was --help, or it was wrong and has been told so.
[[nodiscard]] std::variant<options, int> parse(int argc, const char* const* argv);

}  // namespace shmsem::semtop
