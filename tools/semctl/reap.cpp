#include "report/format.hpp"
#include "report/sample.hpp"
#include "semctl/commands.hpp"
#include "shmsem/errors.hpp"

namespace shmsem::semctl {
namespace {

// Nobody asked for these by name, and they are not this user's to repair.
bool is_another_users(const report::failure& why) {
    return why.code == name_of(errc::segment_owner) || why.code == name_of(errc::segment_permission);
}

}  // namespace

int run(const reap_request& asked, const console& out) {
    int status = exit_ok;
    std::size_t examined = 0;
    for (const auto& seen : report::sample(asked.segments, report::sampling::reap_first).segments) {
        const place where{seen.name, {}};
        if (const auto* why = std::get_if<report::failure>(&seen.contents)) {
            if (asked.segments.empty() && is_another_users(*why)) continue;
            out.complain(explain(where, *why));
            status = exit_failed;
            continue;
        }
        ++examined;
        out.say(out.words(where) + ": took back " + report::count_of(seen.reaped, "permit", "permits"));
    }
    if (examined == 0 && status == exit_ok && asked.segments.empty()) out.say("no segments that this user may write");
    return status;
}

}  // namespace shmsem::semctl
