#pragma once

#include <cstddef>
#include <string>

namespace shmsem::report {

/// Words wrapped to the width, the lines after the first indented; a word that is wider than a line is broken.
[[nodiscard]] std::string paragraph(const std::string& text, std::size_t width);

}  // namespace shmsem::report
