#pragma once

#include <cstdint>
#include <string>

#include "report/printable.hpp"
#include "shmsem/options.hpp"

// Numbers as people read them: short, and never rounded up.

namespace shmsem::report {

/// "850ns", "1.2ms", "59s", "3m07s", "2h05m", "3d04h"; "forever".
[[nodiscard]] std::string human(duration length);

/// "512 B", "2.0 MiB".
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);

/// "1 permit", "2 permits".
[[nodiscard]] std::string count_of(std::uint64_t n, const char* singular, const char* plural);

/// `width` cells of which held / capacity are filled: none only for none, all only for all.
[[nodiscard]] std::string bar(std::uint64_t held, std::uint64_t capacity, std::size_t width, charset terminal);

}  // namespace shmsem::report
