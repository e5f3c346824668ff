#include "semrun/progress_display.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "semrun/say.hpp"

namespace shmsem::semrun {
namespace {

constexpr std::chrono::seconds kBarPeriod{1};
constexpr std::chrono::seconds kLinePeriod{10};

std::size_t width_of_terminal() {
    winsize window{};
    // One less: many terminals begin a new line when the last column is written.
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 ? window.ws_col - 1U : 79U;
}

void put(std::string_view text) {
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, text.data(), text.size());
}

bool can_move_the_cursor() {
    const char* kind = std::getenv("TERM");
    return ::isatty(STDERR_FILENO) == 1 && kind != nullptr && std::string_view(kind) != "dumb";
}

}  // namespace

progress_display::progress_display(bool quiet)
    : quiet_(quiet), terminal_(!quiet && can_move_the_cursor()), charset_(terminal_charset()) {}

void progress_display::show(const progress& now, bool at_line_start) {
    if (quiet_ || now.known == 0) return;
    if (!terminal_) {
        if (now.elapsed - last_ < kLinePeriod) return;
        last_ = now.elapsed;
        say(progress_line(now));
        return;
    }
    std::string bar = progress_bar(now, width_of_terminal(), charset_);
    if (visible_ && bar == drawn_) return;
    put((visible_ || at_line_start ? "\r" : "\n") + bar + "\x1b[K");
    drawn_ = std::move(bar);
    visible_ = true;
}

void progress_display::hide() {
    if (visible_) put("\r\x1b[K");
    visible_ = false;
}

void progress_display::say_beside(std::string_view what) {
    hide();
    say(what);
}

duration progress_display::period() const noexcept { return terminal_ ? kBarPeriod : kLinePeriod; }

}  // namespace shmsem::semrun
