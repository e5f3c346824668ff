#include "progress.hpp"

#include <unistd.h>

#include <cstdio>

namespace semabench {

namespace {
bool on_terminal() {
    static const bool answer = isatty(STDERR_FILENO) == 1;
    return answer;
}
}  // namespace

void show_progress(const std::string& benchmark, const std::string& contestant, int round, int rounds) {
    if (on_terminal()) {
        std::fprintf(stderr, "\r\033[K%s  round %d of %d  %s", benchmark.c_str(), round, rounds, contestant.c_str());
        return;
    }
    static std::string last;
    if (last == benchmark) return;
    last = benchmark;
    std::fprintf(stderr, "%s: %d rounds\n", benchmark.c_str(), rounds);
}

void end_progress() {
    if (on_terminal()) std::fprintf(stderr, "\r\033[K");
}

}  // namespace semabench
