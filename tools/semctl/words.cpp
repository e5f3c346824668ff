#include "semctl/words.hpp"

#include <pwd.h>

#include <algorithm>
#include <vector>

namespace shmsem::semctl {
namespace {

bool plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-.:@%+=,").find(c) != std::string_view::npos;
}

void replace_all(std::string& text, std::string_view what, const std::string& with) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
        text.replace(at, what.size(), with);
    }
}

}  // namespace

std::string words_of(const place& where, report::charset terminal) {
    const std::string segment = "segment '" + report::printable(where.segment, terminal) + "'";
    if (where.semaphore.empty()) return segment;
    return "semaphore '" + report::printable(where.semaphore, terminal) + "' in " + segment;
}

std::string operand(std::string_view name) {
    if (!name.empty() && std::all_of(name.begin(), name.end(), plain)) return std::string(name);
    std::string quoted(name);
    replace_all(quoted, "'", "'\\''");
    return "'" + quoted + "'";
}

std::string fill_in(std::string_view text, const place& where) {
    // A name that begins with a dash would be taken for an option.
    const bool dashed = where.segment.starts_with('-') || where.semaphore.starts_with('-');
    std::string result(text);
    // The last first: what a name holds is not looked at again.
    const std::size_t semaphore = result.find("{semaphore}");
    if (semaphore != std::string::npos) result.replace(semaphore, 11, operand(where.semaphore));
    const std::size_t segment = result.find("{segment}");
    if (segment != std::string::npos) result.replace(segment, 9, (dashed ? "-- " : "") + operand(where.segment));
    return result;
}

std::string user_name(unsigned uid) {
    std::vector<char> buffer(16384);
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::to_string(uid);
    return found->pw_name;
}

}  // namespace shmsem::semctl
