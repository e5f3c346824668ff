#pragma once

#include <cstdint>

#include "semtop/screen.hpp"

namespace shmsem::semtop {

enum class colours : std::uint8_t { none, few, many };  ///< none, 16, 256

/// How a role looks; a colour of -1 is the terminal's own.
struct look {
    short text = -1;
    short background = -1;
    bool bold = false;
    bool dim = false;
    bool reverse = false;
    bool underline = false;
};

/// Without colours, what has to be noticed is told by bold, reverse and underline.
[[nodiscard]] look look_of(role what, colours with) noexcept;

}  // namespace shmsem::semtop
