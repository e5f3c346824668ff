#pragma once

#include <string>

#include "semtop/model.hpp"

namespace shmsem::semtop {

struct outcome {
    bool done = false;
    std::string words;  ///< what was done, or what was refused, why, and what to do about it
};

/// Opens the segment for writing, does it, and lets go of the segment again.
[[nodiscard]] outcome perform(const action& what, report::charset terminal);

}  // namespace shmsem::semtop
