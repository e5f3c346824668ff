#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "report/table.hpp"

// What is to be seen, before any terminal comes into it: a grid of cells that have a text and a role. Which colours and attributes
// a role has is the palette's business.

namespace shmsem::semtop {

enum class role : std::uint8_t {
    plain,
    dim,        ///< there, but not the point
    title,      ///< the first line
    heading,    ///< of a table or a section
    sorted_by,  ///< the heading of the column that orders the rows
    selected,   ///< the line that the next key is about
    calm,       ///< little in use
    busy,       ///< much in use
    full,       ///< all in use
    warning,
    alarm,
    key,     ///< in the line of keys, the key
    dialog,  ///< a question
};
inline constexpr std::size_t roles = 13;

struct size {
    std::size_t rows = 24;
    std::size_t columns = 80;
};

struct cell {
    std::string text = " ";  ///< one character with its marks; empty: the right half of a wide one
    role look = role::plain;
};

class screen {
   public:
    explicit screen(size of) : size_(of), cells_(of.rows * of.columns) {}

    [[nodiscard]] size extent() const noexcept { return size_; }
    [[nodiscard]] const cell& at(std::size_t row, std::size_t column) const { return cells_[row * size_.columns + column]; }

    /// Writes printable text; what lies outside is cut. @return the column after it
    std::size_t put(std::size_t row, std::size_t column, std::string_view text, role look = role::plain);
    /// In a field of `width` columns: clipped, and filled with blanks of the same role.
    void put_field(std::size_t row, std::size_t column, std::size_t width, std::string_view text, report::align side,
                   role look, report::charset terminal);
    /// Makes the rest of a row blank, in this role.
    void fill(std::size_t row, std::size_t column, role look);
    /// Gives what is written in the row another role.
    void tint(std::size_t row, std::size_t column, std::size_t width, role look);

    /// Lines without the blanks at their ends.
    [[nodiscard]] std::string text() const;
    /// The same shape with a letter for each role, '.' for plain, as tests compare it.
    [[nodiscard]] std::string looks() const;

   private:
    size size_;
    std::vector<cell> cells_;
};

}  // namespace shmsem::semtop
