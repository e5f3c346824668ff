#include "semtop/options.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

namespace shmsem::semtop {

std::variant<options, int> parse(int argc, const char* const* argv) {
    options result;
    bool once = false;
    CLI::App app{
        "Shows the semaphores of shmsem segments: who holds them, who waits, and for how long.\n"
        "Segments are mapped read-only and without taking a lock, so looking disturbs nobody.",
        "semtop"};
    app.add_option("SEGMENT", result.segments, "Names of segments; without any, every segment of this host");
    auto* table = app.add_flag("--once", once, "Print one table and exit (what it does without options, too)");
    app.add_flag("--json", result.json, "Print everything as JSON instead, idle semaphores included")->excludes(table);
    app.add_flag("--all", result.all, "Show idle semaphores too, of which nobody holds or waits for a permit");
    app.add_flag("--reap", result.reap,
                 "First take back the permits whose holder has died or whose lease has expired; needs write permission");
    app.add_flag("--ascii", result.ascii, "Plain ASCII, whatever the locale");
    app.footer(
        "Exit status:\n"
        "  0  every segment was read\n"
        "  1  some segment could not be read (it is a line of the output), or the output not be written\n"
        "  2  usage\n"
        "\n"
        "Examples:\n"
        "  semtop                   everything on this host that is in use\n"
        "  semtop --all jobs        the segment \"jobs\" with its idle semaphores\n"
        "  semtop --reap jobs       the same after taking back what dead holders left\n"
        "  semtop --json jobs | jq '.segments[].semaphores[] | {name, acquired, waiting}'");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error, std::cout, std::cerr) == 0 ? exit_ok : exit_usage;
    }
    return result;
}

}  // namespace shmsem::semtop
