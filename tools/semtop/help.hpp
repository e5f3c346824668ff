#pragma once

#include <string>
#include <vector>

namespace shmsem::semtop {

struct help_line {
    const char* keys;  ///< empty: a title, or a blank line
    const char* text;
};

[[nodiscard]] const std::vector<help_line>& help_lines();

}  // namespace shmsem::semtop
