#include "semctl/console.hpp"

#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <iostream>

namespace shmsem::semctl {

void console::print(const std::string& printable_text) const { std::cout << printable_text; }

void console::say(const std::string& printable_line) const {
    if (!quiet) std::cout << printable_line << '\n';
}

void console::complain(const trouble& what) const {
    std::cout.flush();  // both may go to one place: in the order in which it was said
    std::cerr << "semctl: " << line_of(what, terminal) << '\n';
}

console this_console(bool quiet, bool ascii) {
    console result{.quiet = quiet};
    const bool utf8 = std::setlocale(LC_CTYPE, "") != nullptr && std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0;
    if (utf8 && !ascii) result.terminal = report::charset::utf8;
    winsize window{};
    const char* columns = std::getenv("COLUMNS");
    long asked = columns != nullptr ? std::strtol(columns, nullptr, 10) : 0;
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col != 0) asked = window.ws_col;
    if (asked > 0) result.width = static_cast<std::size_t>(std::clamp(asked, 40L, 1000L));
    return result;
}

}  // namespace shmsem::semctl
