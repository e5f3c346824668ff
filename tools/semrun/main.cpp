#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>

#include "semrun/options.hpp"
#include "semrun/place.hpp"
#include "semrun/run_each.hpp"
#include "semrun/run_one.hpp"
#include "semrun/say.hpp"

namespace {

using namespace shmsem::semrun;

// Whoever started us with these closed would else find them to be the segment, and messages to be written into it. The command
// finds them closed all the same.
void occupy_standard_descriptors() {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
        if (::fcntl(fd, F_GETFD) < 0) (void)::open("/dev/null", O_RDWR | O_CLOEXEC);
    }
}

// One for each user: with one for all, whoever came first would keep out the others.
std::string default_segment() {
    const char* chosen = std::getenv("SEMRUN_SEGMENT");
    if (chosen != nullptr && *chosen != '\0') return chosen;
    return "semrun." + std::to_string(::getuid());
}

int print(const notice& what) {
    if (what.status != exit_ok) {
        say(what.text);
        return what.status;
    }
    const bool written =
        ::write(STDOUT_FILENO, what.text.data(), what.text.size()) == static_cast<ssize_t>(what.text.size());
    if (!written) say("cannot write the help to the standard output: check where that goes");
    return written ? exit_ok : exit_failed;
}

}  // namespace

int main(int argc, char** argv) {
    occupy_standard_descriptors();
    const auto parsed = parse({argv + (argc > 0 ? 1 : 0), argv + argc}, default_segment());
    if (const auto* instead = std::get_if<notice>(&parsed)) return print(*instead);
    const auto& asked = std::get<options>(parsed);
    try {
        const shmsem::semaphore from = find_or_make(asked);
        return asked.each ? run_each(asked, from) : run_one(asked, from);
    } catch (const std::exception& error) {
        say(complaint(error, asked.segment, asked.semaphore));
        return of_the_arguments(error) ? exit_usage : exit_failed;
    }
}
