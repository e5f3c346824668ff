#include "semtop/options.hpp"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>
#include <iostream>

#include "semtop/overview_columns.hpp"

namespace shmsem::semtop {
namespace {

constexpr const char* kFooter =
    "Without --once, --json, --csv, --prometheus, --watch or --reap it is a live view when standard input and output are a\n"
    "terminal, and prints one table otherwise. In the live view ? explains the keys.\n"
    "\n"
    "Exit status:\n"
    "  0  every segment was read; the live view was left\n"
    "  1  some segment could not be read (it is a line of the output), the output not be written, or the terminal not be "
    "used\n"
    "  2  usage\n"
    "\n"
    "Examples:\n"
    "  semtop                   live, everything on this host that is in use\n"
    "  semtop --sort oldest     live, who waits longest on top\n"
    "  semtop --once --all jobs the segment \"jobs\" with its idle semaphores, as a table\n"
    "  semtop --reap jobs       the same after taking back what dead holders left\n"
    "  semtop --json jobs | jq '.segments[].semaphores[] | {name, acquired, waiting}'\n"
    "  semtop --csv --watch 10 >> use.csv\n"
    "  semtop --prometheus > shmsem.prom.new && mv shmsem.prom.new shmsem.prom";

std::chrono::milliseconds milliseconds(double seconds) { return std::chrono::milliseconds{std::llround(seconds * 1000)}; }

std::vector<std::string> column_ids() {
    std::vector<std::string> ids;
    for (const auto& column : overview_columns()) ids.emplace_back(column.id);
    return ids;
}

// https://no-color.org: set and not empty.
bool no_colour_wanted() {
    const char* value = std::getenv("NO_COLOR");
    return value != nullptr && *value != '\0';
}

}  // namespace

std::variant<options, int> parse(int argc, const char* const* argv) {
    options result;
    result.sort_by = column_named("use").value_or(0);
    double watch = 0;
    double delay = 1;
    std::string colour = "auto";
    std::string sort;
    CLI::App app{
        "Shows the semaphores of shmsem segments: who holds them, who waits, and for how long.\n"
        "Segments are mapped read-only and without taking a lock, so looking disturbs nobody.",
        "semtop"};
    app.add_option("SEGMENT", result.segments, "Names of segments; without any, every segment of this host");
    const auto format_flag = [&](const char* name, format what, const char* help) {
        return app.add_flag_callback(
            name, [&result, what] { result.output = what; }, help);
    };
    auto* once = format_flag("--once", format::table, "Print one table and exit");
    auto* json = format_flag("--json", format::json, "Print everything as JSON, idle semaphores included");
    auto* csv = format_flag("--csv", format::csv, "Print a line of CSV for each semaphore, idle ones included");
    auto* prometheus =
        format_flag("--prometheus", format::prometheus, "Print metrics in Prometheus' text exposition format");
    for (auto* one : {once, json, csv, prometheus}) {
        for (auto* other : {once, json, csv, prometheus}) {
            if (one != other) one->excludes(other);
        }
    }
    auto* watch_option = app.add_option("--watch", watch,
                                        "Print again every N seconds until interrupted: a table unless another format is "
                                        "asked for; JSON as one document a line")
                             ->type_name("N")
                             ->check(CLI::Range(0.1, 86400.0));
    app.add_option("-d,--delay", delay, "Seconds between two samples of the live view; 1 if not given")
        ->type_name("SECONDS")
        ->check(CLI::Range(0.1, 3600.0));
    auto* sort_option =
        app.add_option("--sort", sort, "Column to sort by; `use` if not given")->check(CLI::IsMember(column_ids()));
    app.add_option("--filter", result.filter, "Only semaphores with this text in \"segment/semaphore\", whatever its case")
        ->type_name("TEXT");
    app.add_option("--color", colour, "Colours of the live view; auto: as the terminal has, none if NO_COLOR is set")
        ->check(CLI::IsMember({"auto", "never", "16", "256"}));
    app.add_flag("--all", result.all, "Show idle semaphores too, of which nobody holds or waits for a permit");
    app.add_flag("--reap", result.reap,
                 "First take back the permits whose holder has died or whose lease has expired; needs write permission");
    app.add_flag("--mouse", result.mouse, "Live: let the mouse select rows and columns to sort by");
    app.add_flag("--ascii", result.ascii, "Plain ASCII, whatever the locale");
    app.footer(kFooter);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error, std::cout, std::cerr) == 0 ? exit_ok : exit_usage;
    }
    if (watch_option->count() != 0) result.watch = milliseconds(watch);
    result.delay = milliseconds(delay);
    result.sort_given = sort_option->count() != 0;
    if (result.sort_given) result.sort_by = column_named(sort).value_or(0);
    if (colour == "never" || (colour == "auto" && no_colour_wanted())) result.with = colours::none;
    if (colour == "16") result.with = colours::few;
    if (colour == "256") result.with = colours::many;
    return result;
}

}  // namespace shmsem::semtop
