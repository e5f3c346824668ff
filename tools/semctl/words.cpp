#include "semctl/words.hpp"

#include <algorithm>

namespace shmsem::semctl {
namespace {

bool plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-.:@%+=,/").find(c) != std::string_view::npos;
}

}  // namespace

std::string words_of(const place& where, report::charset terminal) {
    const std::string segment = "segment '" + report::printable(where.segment, terminal) + "'";
    if (where.semaphore.empty()) return segment;
    return "semaphore '" + report::printable(where.semaphore, terminal) + "' in " + segment;
}

std::string operand(std::string_view name) {
    if (!name.empty() && std::all_of(name.begin(), name.end(), plain)) return std::string(name);
    std::string quoted = "'";
    for (const char c : name) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

std::string fill_in(std::string_view text, const place& where) {
    // A name that begins with a dash would be taken for an option.
    const bool dashed = where.segment.starts_with('-') || where.semaphore.starts_with('-');
    std::string result;
    while (!text.empty()) {  // what a name holds is not looked at again
        if (text.starts_with("{segment}")) {
            result += (dashed ? "-- " : "") + operand(where.segment);
            text.remove_prefix(9);
        } else if (text.starts_with("{semaphore}")) {
            result += operand(where.semaphore);
            text.remove_prefix(11);
        } else {
            result += text.front();
            text.remove_prefix(1);
        }
    }
    return result;
}

}  // namespace shmsem::semctl
