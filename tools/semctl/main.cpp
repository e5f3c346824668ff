#include <exception>
#include <iostream>

#include "semctl/command_line.hpp"
#include "semctl/commands.hpp"

namespace {

using namespace shmsem::semctl;

int obey(const request& asked) {
    const console out = this_console(asked.quiet, asked.ascii);
    int status = exit_failed;
    try {
        status = std::visit([&](const auto& what) { return run(what, out); }, asked.what);
    } catch (const failed& error) {
        out.complain(error.why());
    }
    std::cout.flush();
    if (std::cout) return status;
    std::cerr << "semctl: the output cannot be written; look at where it goes (df, a closed pipe)\n";
    return exit_failed;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const auto parsed = parse(argc, argv);
        if (const auto* status = std::get_if<int>(&parsed)) return *status;
        return obey(std::get<request>(parsed));
    } catch (const std::exception& error) {
        std::cerr << "semctl: " << shmsem::report::printable(error.what(), shmsem::report::charset::ascii) << '\n';
        return exit_failed;
    }
}
