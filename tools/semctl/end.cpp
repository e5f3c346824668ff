#include <algorithm>

#include "report/format.hpp"
#include "semctl/commands.hpp"
#include "semctl/opening.hpp"
#include "shmsem/errors.hpp"

namespace shmsem::semctl {
namespace {

std::string holder_words(const holder_info& holder, const console& out) {
    std::string words = "pid " + std::to_string(holder.pid) + " (" + out.text(holder.command) + ")";
    if (!holder.label.empty()) words += ", label '" + out.text(holder.label) + "'";
    if (!holder.tenant.empty()) words += ", tenant '" + out.text(holder.tenant) + "'";
    return words + ", who held it for " + report::human(holder.held);
}

}  // namespace

int run(const end_request& asked, const console& out) {
    segment home = open_to_change(asked.what.segment);
    const auto seen = look_at(home, asked.what);
    const std::string seat = "seat " + std::to_string(asked.seat);
    if (seen.kind == kind::ownerless) {
        throw failed(
            {asked.what, "it is ownerless: nobody holds a unit of it", "a unit is given back by raising the count"});
    }
    const std::string look = fill_in("semctl show {segment} {semaphore} lists who holds what", asked.what);
    const auto holder =
        std::find_if(seen.holders.begin(), seen.holders.end(), [&](const auto& each) { return each.seat == asked.seat; });
    if (holder == seen.holders.end()) throw failed({asked.what, "nobody holds " + seat, look});
    if (asked.token && holder->token != *asked.token) {
        throw failed({asked.what,
                      "the lease of " + seat + " with token " + std::to_string(*asked.token) +
                          " has ended; that seat has token " + std::to_string(holder->token) + " now",
                      look});
    }
    const bool ended = at(asked.what, [&] { return home.find(asked.what.semaphore).end(asked.seat, holder->token); });
    if (!ended) throw failed({asked.what, "the lease of " + seat + " ended by itself meanwhile", look});
    out.say("ended the lease of " + seat + " of " + out.words(asked.what) + ", token " + std::to_string(holder->token) +
            ": " + holder_words(*holder, out));
    return exit_ok;
}

}  // namespace shmsem::semctl
