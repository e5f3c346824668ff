#include "gnuplot.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace semabench {

void require_gnuplot() {
    if (std::system("gnuplot --version >/dev/null 2>&1") != 0) {
        throw std::runtime_error("--plot needs gnuplot, which does not run here; on Debian: apt-get install gnuplot-nox");
    }
}

void run_gnuplot(const std::string& script) {
    // One that gives up in the middle of the script is an error here, and no reason to die.
    const auto before = std::signal(SIGPIPE, SIG_IGN);
    std::FILE* pipe = popen("gnuplot", "w");
    const bool written = pipe != nullptr && std::fwrite(script.data(), 1, script.size(), pipe) == script.size();
    const bool well = pipe != nullptr && pclose(pipe) == 0;
    std::signal(SIGPIPE, before);
    if (!written || !well) throw std::runtime_error("gnuplot failed");
}

}  // namespace semabench
