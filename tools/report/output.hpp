#pragma once

#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "report/printable.hpp"

// What this process's standard output can show. Inline, because semrun has no use for it, and setlocale costs more than all the rest of
// its start.

namespace shmsem::report {

/// By the locale, which it sets. @param ascii  plain ASCII was asked for
inline charset charset_of_locale(bool ascii) {
    const bool known = std::setlocale(LC_CTYPE, "") != nullptr;
    return known && !ascii && std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0 ? charset::utf8 : charset::ascii;
}

/// Of the terminal, or $COLUMNS. A file or a pipe has no width of its own: wide, so that each row is one line for grep and awk.
inline std::size_t width_of_output() {
    constexpr std::size_t of_a_pipe = 200;
    constexpr std::size_t narrowest = 40;
    constexpr std::size_t widest = 1000;
    winsize window{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col != 0) {
        return std::max<std::size_t>(window.ws_col, narrowest);
    }
    const char* columns = std::getenv("COLUMNS");
    const long asked = columns != nullptr ? std::strtol(columns, nullptr, 10) : 0;
    if (asked <= 0) return of_a_pipe;
    return std::clamp(static_cast<std::size_t>(asked), narrowest, widest);
}

}  // namespace shmsem::report
