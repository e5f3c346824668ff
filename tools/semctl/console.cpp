#include "semctl/console.hpp"

#include <iostream>

#include "report/output.hpp"

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
    return {.terminal = report::charset_of_locale(ascii), .width = report::width_of_output(), .quiet = quiet};
}

}  // namespace shmsem::semctl
