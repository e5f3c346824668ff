#include "demo_main/progress.hpp"

#include <unistd.h>

#include <cstdio>

namespace demo {

using namespace std::chrono_literals;

progress::progress(bool quiet) : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}

void progress::show(const state& s) {
    const auto now = std::chrono::steady_clock::now();
    if (quiet_ || now < next_) return;
    next_ = now + (terminal_ ? 100ms : 1000ms);
    const std::size_t percent = s.of == 0 ? 100 : 100 * s.done / s.of;
    std::string line = std::to_string(percent) + "%  " + std::to_string(s.done) + " of " + std::to_string(s.of) +
                       " checksums, " + std::to_string(s.killed) + " of " + std::to_string(s.to_kill) + " holders killed, " +
                       std::to_string(s.running) + " workers";
    if (s.round > 1) line += ", round " + std::to_string(s.round);
    // Carriage return before, "erase to the end of the line" after.
    std::fprintf(stderr, terminal_ ? "\r%s\033[K" : "%s\n", line.c_str());
    std::fflush(stderr);
    open_ = terminal_;
}

void progress::finish() {
    if (open_) std::fputc('\n', stderr);
    open_ = false;
}

}  // namespace demo
