#include <unistd.h>

#include <exception>
#include <iostream>

#include "report/output.hpp"
#include "semtop/batch.hpp"
#include "semtop/live.hpp"
#include "semtop/options.hpp"

namespace {

using namespace shmsem::semtop;

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
        const auto charset = shmsem::report::charset_of_locale(asked.ascii);
        return is_live(asked) ? run_live(asked, charset) : run_batch(asked, charset);
    } catch (const std::exception& error) {
        std::cerr << "semtop: " << error.what() << '\n';
        return exit_unreadable;
    }
}
