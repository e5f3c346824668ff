#include "semrun/place.hpp"

#include "report/format.hpp"
#include "shmsem/errors.hpp"

namespace shmsem::semrun {
namespace {

// Semaphores are cheap to enlarge later only within max_permits, and most are small.
constexpr std::int64_t kRoomToGrow = 16;

// One that is there is taken with the limits that it has: others than semrun may have made it.
segment open_or_make(const options& asked) {
    std::error_code error;
    segment found = segment::open_or_create(asked.segment, roomy, asked.share, error);
    if (!error) return found;
    if (error == errc::segment_limits) return segment::open_or_create(asked.segment, {}, asked.share);
    throw shmsem::error(error, asked.segment);
}

semaphore make(segment& in, const options& asked) {
    semaphore_options wanted{.permits = asked.permits.value_or(1), .if_different = if_different::adopt};
    if (wanted.permits < kRoomToGrow / 2) wanted.max_permits = kRoomToGrow;
    std::error_code error;
    semaphore made = in.semaphore(asked.semaphore, wanted, error);
    if (!error) return made;
    if (error != errc::too_many_permits) throw shmsem::error(error, asked.semaphore);
    wanted.max_permits = 0;  // as far as there is room
    return in.semaphore(asked.semaphore, wanted);
}

}  // namespace

semaphore find_or_make(const options& asked) {
    segment home = open_or_make(asked);
    std::error_code error;
    semaphore found = home.find(asked.semaphore, error);
    if (error == errc::semaphore_not_found) {
        found = make(home, asked);
    } else if (error) {
        throw shmsem::error(error, asked.semaphore);
    }
    if (asked.permits && found.permits() != *asked.permits) {
        if (!asked.resize) {
            throw mismatch("it has " + report::count_of(found.permits(), "permit", "permits") + ", not the " +
                           std::to_string(*asked.permits) +
                           " of --permits: leave that out to use it as it is, or add --resize to change it for everybody");
        }
        found.resize(*asked.permits);
    }
    if (asked.weight > found.permits()) {
        throw mismatch("it has " + report::count_of(found.permits(), "permit", "permits") + ", and would never give " +
                       std::to_string(asked.weight) + " at once: lower --weight, or raise --permits with --resize");
    }
    return found;
}

acquire_options request(const options& asked, const std::string& label) {
    return {.permits = asked.weight, .ttl = asked.ttl, .tenant = asked.tenant, .label = label, .stop = {}};
}

std::string base_name(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

}  // namespace shmsem::semrun
