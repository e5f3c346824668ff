#include "report/story.hpp"

#include "report/format.hpp"

namespace shmsem::report {
namespace {

// Who holds more than these is told by their number.
constexpr std::size_t kNamed = 4;

std::string place(const std::string& segment, const std::string& semaphore, charset terminal) {
    return printable(semaphore, terminal) + " in " + printable(segment, terminal);
}

}  // namespace

std::string story_of(const stuck_thread& thread, charset terminal) {
    std::string text = printable(thread.command, terminal) + ' ' + std::to_string(thread.thread.pid);
    if (thread.thread.tid != thread.thread.pid) text += " (thread " + std::to_string(thread.thread.tid) + ')';
    for (std::size_t i = 0; i < thread.holds.size() && i < kNamed; ++i) {
        const auto& permit = thread.holds[i];
        text += (i == 0 ? " holds " : ", ") + place(permit.segment, permit.semaphore, terminal) + " (seat " +
                std::to_string(permit.seat) + ')';
    }
    if (thread.holds.size() > kNamed) text += " and " + std::to_string(thread.holds.size() - kNamed) + " more";
    text += thread.holds.empty() ? " waits for " : ", waits for ";
    if (thread.waits.permits != 1) text += std::to_string(thread.waits.permits) + " permits of ";
    return text + place(thread.waits.segment, thread.waits.semaphore, terminal) + " (ticket " +
           std::to_string(thread.waits.ticket) + ')';
}

std::vector<std::string> story_of(const deadlock& one, charset terminal) {
    std::string title = "DEADLOCK of " + count_of(one.members.size(), "thread", "threads") + ", each waiting for the others";
    if (one.members.size() == 1) title = "DEADLOCK of a thread that waits for what it holds itself";
    std::vector<std::string> lines{title};
    for (const auto& member : one.members) lines.push_back("  " + story_of(member, terminal));
    for (const auto& behind : one.blocked) lines.push_back("  behind it: " + story_of(behind, terminal));
    return lines;
}

}  // namespace shmsem::report
