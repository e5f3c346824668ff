#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>

#include "report/json.hpp"
#include "report/render.hpp"
#include "report/sample.hpp"
#include "semtop/options.hpp"

namespace {

using namespace shmsem::report;
using namespace shmsem::semtop;

// A file or a pipe has no width of its own: wide, so that each row is one line for grep and awk.
constexpr std::size_t kWidthOfPipe = 200;
constexpr std::size_t kNarrowest = 40;
constexpr std::size_t kWidest = 1000;

std::size_t width_of_output() {
    winsize window{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col != 0) {
        return std::max<std::size_t>(window.ws_col, kNarrowest);
    }
    const char* columns = std::getenv("COLUMNS");
    const long asked = columns != nullptr ? std::strtol(columns, nullptr, 10) : 0;
    if (asked <= 0) return kWidthOfPipe;
    return std::clamp(static_cast<std::size_t>(asked), kNarrowest, kWidest);
}

charset terminal_of(const options& asked) {
    if (asked.ascii || std::setlocale(LC_CTYPE, "") == nullptr) return charset::ascii;
    return std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0 ? charset::utf8 : charset::ascii;
}

int run(const options& asked) {
    const snapshot seen = sample(asked.segments, asked.reap ? sampling::reap_first : sampling::look);
    std::cout << (asked.json ? json_text(seen)
                             : render(seen, {.all = asked.all, .terminal = terminal_of(asked)}, width_of_output()));
    std::cout.flush();
    if (!std::cout) {
        std::cerr << "semtop: cannot write the output\n";
        return exit_unreadable;
    }
    return complete(seen) ? exit_ok : exit_unreadable;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const auto parsed = parse(argc, argv);
        if (const auto* status = std::get_if<int>(&parsed)) return *status;
        return run(std::get<options>(parsed));
    } catch (const std::exception& error) {
        std::cerr << "semtop: " << error.what() << '\n';
        return exit_unreadable;
    }
}
