#include <utility>

#include "report/format.hpp"
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

struct home {
    segment handle;
    bool made = false;
};

// An existing one as it is, unless limits were asked for: then it must have those.
home home_of(const create_request& asked) {
    const std::string& name = asked.what.segment;
    std::error_code ec;
    if (asked.limits == limits{}) {
        segment existing = segment::open(name, access::read_write, ec);
        if (!ec) return {std::move(existing)};
        if (ec != errc::segment_not_found && ec != errc::segment_half_made)
            return {segment::open(name)};  // throws, with words
    }
    segment fresh = segment::create(name, asked.limits, asked.mode, ec);
    if (!ec) return {std::move(fresh), true};
    return {segment::open_or_create(name, asked.limits, asked.mode)};
}

bool has(const segment& home, const std::string& semaphore) {
    for (const auto& existing : home.inspect().semaphores) {
        if (existing.name == semaphore) return true;
    }
    return false;
}

int create_semaphore(const create_request& asked, segment& home, const console& out) {
    const bool existed = has(home, asked.what.semaphore);
    if (existed && !asked.if_missing) {
        throw failed(
            {asked.what, "it exists already",
             fill_in("add --if-missing to let that do, or change it: semctl resize {segment} {semaphore} N", asked.what)});
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
}

}  // namespace

int run(const create_request& asked, const console& out) {
    if (asked.what.semaphore.empty()) return create_segment(asked, out);
    home in = at({asked.what.segment, {}}, [&] { return home_of(asked); });
    try {
        return at(asked.what, [&] { return create_semaphore(asked, in.handle, out); });
    } catch (const failed&) {
        // Nor is a segment left that was made only for it, unless somebody came upon it.
        in.handle = segment{};
        std::error_code ignored;
        if (in.made) (void)segment::remove_if_unused(asked.what.segment, ignored);
        throw;
    }
}

}  // namespace shmsem::semctl
