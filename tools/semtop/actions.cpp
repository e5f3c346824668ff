#include "semtop/actions.hpp"

#include <exception>
#include <system_error>

#include "report/format.hpp"
#include "report/sample.hpp"
#include "shmsem/errors.hpp"
#include "shmsem/segment.hpp"

namespace shmsem::semtop {
namespace {

using report::charset;
using report::count_of;
using report::printable;

outcome end_lease(segment& home, const action& what, const std::string& where) {
    if (home.find(what.semaphore).end(what.seat, what.token)) {
        return {true, "the lease of seat " + std::to_string(what.seat) + " of " + where + " was ended"};
    }
    return {false, "nothing was changed: that lease of " + where + " had ended already"};
}

// Whoever comes upon a dead holder first takes its permits back, and joining the segment wakes others who may: so what counts is
// what became of the segment.
outcome reap(const action& what, charset terminal) {
    std::error_code unreadable;  // then the sample says why
    const segment home = segment::open(what.segment, access::read_only, unreadable);
    if (home && home.inspect().id != what.segment_id) {
        return {false, "nothing was changed: segment '" + printable(what.segment, terminal) +
                           "' was removed and created anew meanwhile; look at it again"};
    }
    const auto seen = report::sample({what.segment}, report::sampling::reap_first);
    const std::string name = "segment '" + printable(what.segment, terminal) + '\'';
    const auto& sampled = seen.segments.front();
    if (const auto* why = std::get_if<report::failure>(&sampled.contents)) {
        return {false, name + ": " + printable(why->message, terminal)};
    }
    if (sampled.reaped == 0) return {true, name + ": there was nothing to take back"};
    return {true, name + ": took back " + count_of(sampled.reaped, "permit", "permits")};
}

// The two kinds of semaphore have these calls in common.
template <class Semaphore>
outcome pause_or_resume(Semaphore semaphore, const action& what, const std::string& where) {
    if (what.what == action::verb::pause) {
        semaphore.pause();
        return {true, "granting of " + where + " is paused; p resumes it"};
    }
    semaphore.resume();
    return {true, "granting of " + where + " goes on"};
}

outcome perform_on(segment& home, const action& what, const std::string& where) {
    if (home.inspect().id != what.segment_id) {
        return {false, "nothing was changed: " + where + " was removed and created anew meanwhile; look at it again"};
    }
    switch (what.what) {
        case action::verb::end: return end_lease(home, what, where);
        case action::verb::resize:
            home.find(what.semaphore).resize(what.permits);
            return {true,
                    where + " has " + count_of(static_cast<std::uint64_t>(what.permits), "permit", "permits") + " now"};
        case action::verb::pause:
        case action::verb::resume:
            if (what.ownerless) {
                return pause_or_resume(home.ownerless(what.semaphore, {.if_different = if_different::adopt}), what, where);
            }
            return pause_or_resume(home.find(what.semaphore), what, where);
        case action::verb::reap: break;
    }
    return {};
}

}  // namespace

outcome perform(const action& what, charset terminal) {
    if (what.what == action::verb::reap) return reap(what, terminal);
    const std::string where = printable(what.semaphore, terminal) + " in " + printable(what.segment, terminal);
    // A file that is cut short meanwhile is the library's business here: its own handler knows what locks are held.
    try {
        segment home = segment::open(what.segment);
        return perform_on(home, what, where);
    } catch (const std::exception& refused) {
        return {false, printable(refused.what(), terminal)};
    }
}

}  // namespace shmsem::semtop
