#include "semrun/queue_text.hpp"

#include <algorithm>

#include "report/format.hpp"

namespace shmsem::semrun {
namespace {

/// What somebody does is more telling than that semrun does it.
std::string who(const holder_info& holder, report::charset terminal) {
    const std::string& name = holder.label.empty() ? holder.command : holder.label;
    return "pid " + std::to_string(holder.pid) + (name.empty() ? "" : ' ' + report::printable(name, terminal));
}

const holder_info* longest(const semaphore_snapshot& seen) {
    const auto found = std::max_element(seen.holders.begin(), seen.holders.end(),
                                        [](const holder_info& a, const holder_info& b) { return a.held < b.held; });
    return found == seen.holders.end() ? nullptr : &*found;
}

const waiter_info* waiter_of(const semaphore_snapshot& seen, std::uint32_t pid) {
    const auto found =
        std::find_if(seen.waiters.begin(), seen.waiters.end(), [&](const waiter_info& w) { return w.pid == pid; });
    return found == seen.waiters.end() ? nullptr : &*found;
}

/// Those who hold one, each once, however many permits it has.
std::size_t holders_in(const semaphore_snapshot& seen) {
    std::vector<std::pair<std::uint32_t, std::uint64_t>> each;
    for (const holder_info& h : seen.holders) each.emplace_back(h.process, static_cast<std::uint64_t>(h.held.count()));
    std::sort(each.begin(), each.end());
    return static_cast<std::size_t>(std::unique(each.begin(), each.end()) - each.begin());
}

}  // namespace

std::string ordinal(std::size_t n) {
    const std::size_t tens = n % 100;
    const std::size_t ones = tens / 10 == 1 ? 0 : n % 10;
    return std::to_string(n) + (ones == 1 ? "st" : ones == 2 ? "nd" : ones == 3 ? "rd" : "th");
}

std::optional<std::string> line_text(const semaphore_snapshot& seen, std::uint32_t pid, report::charset terminal) {
    const waiter_info* self = waiter_of(seen, pid);
    if (self == nullptr) return std::nullopt;
    std::string text = ordinal(static_cast<std::size_t>(self - seen.waiters.data()) + 1) + " in line";
    if (self->permits != 1) text += " for " + std::to_string(self->permits) + " permits";
    if (seen.paused) text += ", which is paused";
    if (const holder_info* holder = longest(seen)) {
        text += ", held by " + who(*holder, terminal) + " for " + report::human(holder->held);
        if (const std::size_t others = holders_in(seen) - 1; others != 0) {
            text += " and " + report::count_of(others, "other", "others");
        }
    }
    return text;
}

std::string line_key(const semaphore_snapshot& seen, std::uint32_t pid) {
    const waiter_info* self = waiter_of(seen, pid);
    if (self == nullptr) return {};
    const holder_info* holder = longest(seen);
    return std::to_string(self - seen.waiters.data()) + (seen.paused ? "p" : "-") +
           (holder != nullptr ? std::to_string(holder->seat) + '.' + std::to_string(holder->token) : "");
}

std::string seats_of(const lease& held) {
    std::string text;
    for (std::uint32_t i = 0; i < held.permits(); ++i) {
        if (i != 0) text += ',';
        text += std::to_string(held.seat(i));
    }
    return text;
}

}  // namespace shmsem::semrun
