#pragma once

#include <cstddef>
#include <string>

#include "semctl/trouble.hpp"

namespace shmsem::semctl {

/// Where a command says what it did.
struct console {
    report::charset terminal = report::charset::ascii;
    std::size_t width = 200;
    bool quiet = false;

    /// A result, which is printed whatever `quiet` says.
    void print(const std::string& printable_text) const;
    /// What was done: a line, unless quiet.
    void say(const std::string& printable_line) const;
    /// What was not: a line on standard error.
    void complain(const trouble& what) const;

    [[nodiscard]] std::string words(const place& where) const { return words_of(where, terminal); }
    [[nodiscard]] std::string text(std::string_view untrusted) const { return report::printable(untrusted, terminal); }
};

/// That of this process's standard output.
[[nodiscard]] console this_console(bool quiet, bool ascii);

}  // namespace shmsem::semctl
