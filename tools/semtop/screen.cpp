#include "semtop/screen.hpp"

#include <algorithm>

namespace shmsem::semtop {

using report::align;
using report::charset;

std::size_t screen::put(std::size_t row, std::size_t column, std::string_view text, role look) {
    if (row >= size_.rows) return column;
    while (!text.empty() && column < size_.columns) {
        // One character and the marks that sit on it; a wide one does not fit into one column.
        std::string character = report::cut(text, 1);
        std::size_t width = 1;
        if (character.empty()) {
            character = report::cut(text, 2);
            width = 2;
        }
        text.remove_prefix(character.size());
        if (character.empty() || column + width > size_.columns) break;
        cell* const at = &cells_[row * size_.columns + column];
        // Half of a wide character that was there before is none.
        if (at[0].text.empty() && column > 0) at[-1].text = " ";
        if (column + width < size_.columns && at[width].text.empty()) at[width].text = " ";
        at[0] = {character, look};
        if (width == 2) at[1] = {"", look};
        column += width;
    }
    return column;
}

void screen::put_field(std::size_t row, std::size_t column, std::size_t width, std::string_view text, align side, role look,
                       charset terminal) {
    const std::string clipped = report::clip(text, width, terminal);
    const std::string blanks(width - std::min(width, report::columns(clipped)), ' ');
    put(row, column, side == align::left ? clipped + blanks : blanks + clipped, look);
}

void screen::fill(std::size_t row, std::size_t column, role look) {
    if (row >= size_.rows) return;
    for (; column < size_.columns; ++column) cells_[row * size_.columns + column] = {" ", look};
}

void screen::tint(std::size_t row, std::size_t column, std::size_t width, role look) {
    if (row >= size_.rows) return;
    const std::size_t end = std::min(size_.columns, column + width);
    for (; column < end; ++column) cells_[row * size_.columns + column].look = look;
}

std::string screen::text() const {
    std::string result;
    for (std::size_t row = 0; row < size_.rows; ++row) {
        std::string line;
        for (std::size_t column = 0; column < size_.columns; ++column) line += at(row, column).text;
        line.erase(line.find_last_not_of(' ') + 1);
        result += line + '\n';
    }
    return result;
}

std::string screen::looks() const {
    constexpr std::string_view letters = ".dthosCBFwakq";
    static_assert(letters.size() == roles);
    std::string result;
    for (std::size_t row = 0; row < size_.rows; ++row) {
        std::string line;
        for (std::size_t column = 0; column < size_.columns; ++column) {
            line += letters[static_cast<std::size_t>(at(row, column).look)];
        }
        line.erase(line.find_last_not_of('.') + 1);
        result += line + '\n';
    }
    return result;
}

}  // namespace shmsem::semtop
