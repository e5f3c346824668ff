#include "report/format.hpp"
#include "semctl/commands.hpp"
#include "semctl/opening.hpp"
#include "shmsem/errors.hpp"

namespace shmsem::semctl {

int run(const resize_request& asked, const console& out) {
    segment home = open_to_change(asked.what.segment);
    const auto before = look_at(home, asked.what);
    if (before.kind == kind::ownerless) {
        throw failed({asked.what, "it is ownerless, and a count has no permits to resize",
                      fill_in("create a leased one, or one with another --max", asked.what)});
    }
    if (asked.permits < 1 || asked.permits > before.max_permits) {
        throw failed({asked.what,
                      "it can have 1 to " + report::count_of(before.max_permits, "permit", "permits") + ", not " +
                          std::to_string(asked.permits),
                      "ask for a number in that range; how far it goes was fixed by --max-permits when it was created"});
    }
    at(asked.what, [&] { home.find(asked.what.semaphore).resize(asked.permits); });
    const auto after = look_at(home, asked.what);
    std::string line = "resized " + out.words(asked.what) + ": " + std::to_string(before.stats.capacity) + " -> " +
                       report::count_of(after.stats.capacity, "permit", "permits");
    if (after.stats.acquired > after.stats.capacity) {
        line += "; " + std::to_string(after.stats.acquired - after.stats.capacity) + " held beyond that close when released";
    }
    out.say(line);
    return exit_ok;
}

}  // namespace shmsem::semctl
