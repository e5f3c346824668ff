#include "report/format.hpp"
#include "semctl/commands.hpp"
#include "semctl/opening.hpp"

namespace shmsem::semctl {
namespace {

template <class Semaphore>
void set_paused(Semaphore semaphore, bool resume) {
    if (resume) {
        semaphore.resume();
    } else {
        semaphore.pause();
    }
}

}  // namespace

int run(const pause_request& asked, const console& out) {
    segment home = open_to_change(asked.what.segment);
    const auto before = look_at(home, asked.what);
    at(asked.what, [&] {
        if (before.kind == kind::leased) {
            set_paused(home.find(asked.what.semaphore), asked.resume);
        } else {
            set_paused(home.ownerless(asked.what.semaphore, {.if_different = if_different::adopt}), asked.resume);
        }
    });
    const std::string who = out.words(asked.what);
    std::string held = ", " + report::count_of(before.stats.acquired, "permit is", "permits are") + " held";
    if (before.kind == kind::ownerless) held.clear();  // whatever was taken has no holder
    const std::string waiting = report::count_of(before.stats.waiting, "waiter", "waiters");
    if (asked.resume) {
        out.say((before.paused ? "resumed " : "was not paused: ") + who + ", " + waiting);
    } else {
        out.say((before.paused ? "was paused already: " : "paused ") + who + held +
                "; go on with: " + out.text(fill_in("semctl resume {segment} {semaphore}", asked.what)));
    }
    return exit_ok;
}

}  // namespace shmsem::semctl
