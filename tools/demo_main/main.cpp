#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <exception>

#include "demo_main/job.hpp"

namespace {

std::atomic<int> interrupted{0};
static_assert(std::atomic<int>::is_always_lock_free);

void catch_signals() {
    struct sigaction action {};
    action.sa_handler = [](int number) { interrupted = number; };
    ::sigemptyset(&action.sa_mask);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
}

// As if it had not been caught: whoever started us sees what ended us.
[[noreturn]] void die_of(int number) {
    ::signal(number, SIG_DFL);
    ::raise(number);
    std::_Exit(128 + number);
}

}  // namespace

int main(int argc, char** argv) {
    demo::job_options options;
    bool json = false;
    CLI::App app{
        "Checksums every regular file under DIR with a pool of worker processes that share a semaphore, kills some of them "
        "while "
        "they hold a permit, and reports whether anything was lost.\nExit status: 0 all right, 1 something was not, 2 it "
        "could not "
        "be run."};
    app.add_option("DIR", options.directory, "the directory")->required();
    app.add_option("--workers", options.workers, "worker processes")->check(CLI::Range(1, 1024))->capture_default_str();
    app.add_option("--permits", options.permits, "how many may checksum at once")
        ->check(CLI::Range(1, 4096))
        ->capture_default_str();
    app.add_option("--kills", options.kills, "how many holders to kill")->check(CLI::Range(0, 1000))->capture_default_str();
    app.add_option("--results", options.results, "write the checksum, size and name of each file to this file");
    app.add_flag("--json", json, "print the report as JSON");
    app.add_flag("--quiet", options.quiet, "show no progress");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : 2;
    }

    catch_signals();
    try {
        const auto outcome = demo::run_job(options, interrupted);
        if (!outcome) {
            std::fputs("shmsem_demo: interrupted; the workers are gone and the segment is removed\n", stderr);
            die_of(interrupted);
        }
        std::fputs((json ? json_of(*outcome) : text_of(*outcome)).c_str(), stdout);
        if (std::fflush(stdout) != 0) throw std::runtime_error("cannot write the report");
        return outcome->right() ? 0 : 1;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "shmsem_demo: %s\n", e.what());
        return 2;
    }
}
