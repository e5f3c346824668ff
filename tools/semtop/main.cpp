#include <langinfo.h>
#include <unistd.h>

#include <clocale>
#include <cstring>
#include <exception>
#include <iostream>

#include "report/printable.hpp"
#include "semtop/batch.hpp"
#include "semtop/live.hpp"
#include "semtop/options.hpp"

namespace {

using namespace shmsem::semtop;
using shmsem::report::charset;

charset charset_of(const options& asked) {
    if (std::setlocale(LC_CTYPE, "") == nullptr || asked.ascii) return charset::ascii;
    return std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0 ? charset::utf8 : charset::ascii;
}

bool is_live(const options& asked) {
    return asked.output == format::automatic && !asked.watch && !asked.reap && ::isatty(STDIN_FILENO) != 0 &&
           ::isatty(STDOUT_FILENO) != 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const auto parsed = parse(argc, argv);
        if (const auto* status = std::get_if<int>(&parsed)) return *status;
        const auto& asked = std::get<options>(parsed);
        return is_live(asked) ? run_live(asked, charset_of(asked)) : run_batch(asked, charset_of(asked));
    } catch (const std::exception& error) {
        std::cerr << "semtop: " << error.what() << '\n';
        return exit_unreadable;
    }
}
