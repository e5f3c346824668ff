#include "semrun/progress.hpp"

#include "report/format.hpp"

namespace shmsem::semrun {
namespace {

constexpr std::size_t kWidestBar = 40;
constexpr std::size_t kNarrowestBar = 8;

std::string of_all(const progress& now) {
    return std::to_string(now.done()) + (now.all_known ? " of " : " of at least ") + std::to_string(now.known) + " done";
}

// At the pace of so far; nothing as long as that says nothing.
std::string time_left(const progress& now) {
    if (!now.all_known || now.halted || now.done() == 0 || now.done() >= now.known) return {};
    const auto each = static_cast<double>(now.elapsed.count()) / static_cast<double>(now.done());
    const auto left = each * static_cast<double>(now.known - now.done());
    // Nothing finer than seconds: it is a guess.
    const auto seconds = std::chrono::seconds{static_cast<std::int64_t>(left / 1e9) + 1};
    return ", about " +
           (seconds < std::chrono::minutes{1} ? std::to_string(seconds.count()) + 's' : report::human(seconds)) + " left";
}

}  // namespace

std::string progress_line(const progress& now) {
    std::string text = of_all(now) + ", " + std::to_string(now.running) + " running";
    if (now.failed != 0) text += ", " + std::to_string(now.failed) + " failed";
    if (now.waiting) text += ", waits for a permit";
    if (now.halted) text += ", starts no more";
    const auto whole = std::chrono::floor<std::chrono::seconds>(now.elapsed);
    const std::string time = whole < std::chrono::minutes{1} ? std::to_string(whole.count()) + 's' : report::human(whole);
    return text + ", " + time + time_left(now);
}

std::string progress_bar(const progress& now, std::size_t width, report::charset terminal) {
    const std::string text = progress_line(now);
    const std::size_t taken = text.size() + 3;  // a space, and the ends of the bar
    if (width < taken + kNarrowestBar || now.known == 0) return report::cut(text, width);
    const std::size_t cells = std::min(width - taken, kWidestBar);
    return report::bar(now.done(), now.known, cells, terminal) + ' ' + text;
}

std::string summary(const progress& at_end) {
    std::string text = report::count_of(at_end.known, "job", "jobs") + " in " + report::human(at_end.elapsed) + ": " +
                       std::to_string(at_end.succeeded) + " succeeded, " + std::to_string(at_end.failed) + " failed";
    if (const std::size_t rest = at_end.known - at_end.done(); rest != 0 || !at_end.all_known) {
        text += (at_end.all_known ? ", " : ", at least ") + std::to_string(rest) + " not run";
    }
    return text;
}

}  // namespace shmsem::semrun
