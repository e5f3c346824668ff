#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include "benchmark.hpp"
#include "cpu.hpp"
#include "gnuplot.hpp"
#include "interrupt.hpp"
#include "plot.hpp"
#include "progress.hpp"
#include "report.hpp"
#include "wording.hpp"

namespace semabench {

namespace {

struct request {
    bool list = false;
    bool quick = false;
    int rounds = 0;
    std::string filter;
    std::string json;
    std::string markdown;
    std::string plots;
};

std::vector<benchmark> chosen(const std::string& filter) {
    auto all = all_benchmarks();
    if (filter.empty()) return all;
    const std::regex pattern(filter, std::regex::ECMAScript | std::regex::icase);
    std::erase_if(all, [&](const benchmark& one) { return !std::regex_search(one.name, pattern); });
    return all;
}

void print_list(const std::vector<benchmark>& all) {
    for (const auto& one : all) {
        std::cout << one.name << "\t" << one.question << ":";
        for (std::size_t i = 0; i < one.contestants.size(); ++i) std::cout << (i > 0 ? "; " : " ") << label_of(one, i);
        std::cout << "\n";
    }
}

void warn_about(const circumstances& around) {
    if (!around.optimised) {
        std::cerr << "semabench: warning: built without optimisation or with a sanitizer; the ratios mean nothing\n";
    }
    if (around.is_busy() && !around.quick) {
        std::cerr << "semabench: warning: other work is running (load " << around.load_before << "); expect a wide spread\n";
    }
    if (processors().size() < 2) std::cerr << "semabench: warning: one processor only; nothing runs in parallel\n";
}

/// '-' is stdout.
void write_text(const std::string& text, const std::string& where) {
    if (where == "-") {
        std::cout << text << std::flush;
        return;
    }
    std::ofstream file(where);
    file << text << std::flush;
    if (!file) throw std::runtime_error("cannot write " + where);
}

int serve(const request& wanted) {
    const auto todo = chosen(wanted.filter);
    if (todo.empty()) {
        std::cerr << "semabench: no benchmark matches '" << wanted.filter << "'; --list names them\n";
        return 2;
    }
    if (wanted.list) {
        print_list(todo);
        return 0;
    }
    if (!wanted.plots.empty()) require_gnuplot();
    const int rounds = wanted.rounds > 0 ? wanted.rounds : wanted.quick ? 2 : 11;
    const circumstances around{rounds, wanted.quick, built_for_speed(), may_take_precedence(), load()};
    warn_about(around);

    hold_signals();
    std::vector<finished> all;
    for (const auto& one : todo) {
        all.push_back({one, run(one, rounds, wanted.quick ? quick_effort : full_effort)});
    }
    end_progress();

    if (wanted.json != "-" && wanted.markdown != "-") write_text(table_of(all), "-");
    if (!wanted.json.empty()) write_text(json_of(all, around).dump() + "\n", wanted.json);
    if (!wanted.markdown.empty()) write_text(markdown_of(all, around), wanted.markdown);
    if (!wanted.plots.empty()) write_plots(all, wanted.plots);
    const auto failures = failures_of(all);
    for (const auto& line : failures) std::cerr << "semabench: failed: " << line << "\n";
    return failures.empty() ? 0 : 1;
}

}  // namespace

}  // namespace semabench

int main(int argc, char** argv) {
    semabench::request wanted;
    CLI::App app{
        "Measures shmsem against the semaphores and locks that Linux and Boost offer. Every figure is a ratio within one "
        "run; "
        "rounds of all contestants are interleaved. A missed target does not change the exit status: 0 all ran, 1 something "
        "failed to run, 2 wrong usage, 128 + n ended by signal n."};
    app.add_flag("--list", wanted.list, "Names the benchmarks and their questions");
    app.add_option("--filter", wanted.filter, "Only benchmarks in whose name this regular expression is found");
    app.add_option("--rounds", wanted.rounds, "Samples of each contestant (11; with --quick 2)")
        ->check(CLI::Range(1, 10'000));
    app.add_flag("--quick", wanted.quick, "Tiny counts and sizes: shows that everything runs, measures nothing");
    app.add_option("--json", wanted.json, "Writes all samples to this file; '-' for stdout in place of the table");
    app.add_option("--markdown", wanted.markdown,
                   "Writes the lines that answer the questions, as a table for README.md; '-' as above");
    app.add_option("--plot", wanted.plots, "Draws each benchmark into an SVG file in this directory, with gnuplot");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    try {
        return semabench::serve(wanted);
    } catch (const semabench::interruption& end) {
        semabench::end_progress();
        std::cerr << "semabench: ended by signal " << end.signal() << "\n";
        return 128 + end.signal();
    } catch (const std::regex_error& error) {
        std::cerr << "semabench: --filter: " << error.what() << "\n";
        return 2;
    } catch (const std::exception& error) {
        std::cerr << "semabench: " << error.what() << "\n";
        return 1;
    }
}
