#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// Names, labels and commands were written by other processes, perhaps to confuse whoever looks: nothing of them reaches a
// terminal but through printable().

namespace shmsem::report {

/// What the terminal can show.
enum class charset { ascii, utf8 };

/// The same text with nothing in it that a terminal would obey, reorder or hide. Control bytes and what is not UTF-8 become
/// \xHH; invisible and direction-changing characters, and in ASCII every other one, become \u{HEX}; a backslash is doubled,
/// so that no two texts look the same.
[[nodiscard]] std::string printable(std::string_view untrusted, charset terminal);

/// Columns that printable text takes up on a terminal, whatever the locale.
[[nodiscard]] std::size_t columns(std::string_view printable_text) noexcept;

/// At most `width` columns of printable text; what is too long loses its middle, since names differ at both ends.
[[nodiscard]] std::string clip(std::string_view printable_text, std::size_t width, charset terminal);

/// The same from the beginning, without a mark that something is missing.
[[nodiscard]] std::string cut(std::string_view printable_text, std::size_t width);

}  // namespace shmsem::report
