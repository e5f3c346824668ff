#include <optional>

#include "report/format.hpp"
#include "report/words.hpp"
#include "semctl/commands.hpp"
#include "semctl/opening.hpp"
#include "shmsem/errors.hpp"

namespace shmsem::semctl {
namespace {

int create_segment(const create_request& asked, const console& out) {
    const place where{asked.what.segment, {}};
    return at(where, [&] {
        std::error_code ec;
        bool made = true;
        segment home = segment::create(where.segment, asked.limits, asked.mode, ec);
        if (ec == errc::segment_exists && asked.if_missing) {
            home = segment::open_or_create(where.segment, asked.limits, asked.mode);
            made = false;
        } else if (ec) {
            home = segment::create(where.segment, asked.limits, asked.mode);  // throws, with words
        }
        const auto seen = home.inspect();
        out.say((made ? "created " : "exists already: ") + out.words(where) + ", " + report::human_bytes(seen.bytes));
        return exit_ok;
    });
}

// An existing one as it is, unless limits were asked for: then it must have those.
segment home_of(const create_request& asked) {
    if (asked.limits == limits{}) {
        std::error_code ec;
        segment home = segment::open(asked.what.segment, access::read_write, ec);
        if (!ec) return home;
        if (ec != errc::segment_not_found && ec != errc::segment_half_made) return segment::open(asked.what.segment);
    }
    return segment::open_or_create(asked.what.segment, asked.limits, asked.mode);
}

bool has(const segment& home, const std::string& semaphore) {
    for (const auto& existing : home.inspect().semaphores) {
        if (existing.name == semaphore) return true;
    }
    return false;
}

}  // namespace

int run(const create_request& asked, const console& out) {
    if (asked.what.semaphore.empty()) return create_segment(asked, out);
    segment home = at({asked.what.segment, {}}, [&] { return home_of(asked); });
    return at(asked.what, [&] {
        const bool existed = has(home, asked.what.semaphore);
        if (existed && !asked.if_missing) {
            throw failed({asked.what, "it exists already",
                          fill_in("add --if-missing to let that do, or change it: semctl resize {segment} {semaphore} N",
                                  asked.what)});
        }
        std::string what;
        if (asked.ownerless) {
            what = "count " + std::to_string(home.ownerless(asked.what.semaphore, asked.counting).value());
        } else {
            const auto made = home.semaphore(asked.what.semaphore, asked.leased);
            what = report::count_of(made.permits(), "permit", "permits");
        }
        out.say((existed ? "exists already: " : "created ") + out.words(asked.what) + ", " + what);
        return exit_ok;
    });
}

}  // namespace shmsem::semctl
