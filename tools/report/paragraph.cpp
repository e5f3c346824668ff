#include "report/paragraph.hpp"

#include <algorithm>
#include <string_view>

#include "report/printable.hpp"

namespace shmsem::report {

std::string paragraph(const std::string& text, std::size_t width) {
    constexpr std::size_t indent = 4;
    std::string result;
    std::string line;
    bool blank = true;
    const auto next_line = [&] {
        result += line + '\n';
        line.assign(std::min(indent, width - 1), ' ');
        blank = true;
    };
    for (std::string_view rest = text; !rest.empty();) {
        std::string_view word = rest.substr(0, rest.find(' '));
        rest.remove_prefix(std::min(rest.size(), word.size() + 1));
        if (!blank && columns(line) + 1 + columns(word) > width) next_line();
        if (!blank) line += ' ';
        while (columns(line) + columns(word) > width) {
            const std::string piece = cut(word, width - columns(line));
            if (piece.empty()) break;  // a wide character in a single column
            line += piece;
            word.remove_prefix(piece.size());
            next_line();
        }
        line += word;
        blank = false;
    }
    return result + line + '\n';
}

}  // namespace shmsem::report
