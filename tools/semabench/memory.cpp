#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>

#include "benchmark.hpp"
#include "peers_shmsem.hpp"

// What one more of each adds to the segment's file, from the sizes of files made with different limits: that is what is paid,
// whatever the structures are called. The memory is reserved when the segment is made, so the size does not change in use.

namespace semabench {

namespace {

double bytes_with(const shmsem::limits& limits) {
    const segment_name name;
    const auto home = shmsem::segment::create(name.text(), limits);
    struct stat about {};
    if (stat(("/dev/shm/shmsem." + name.text()).c_str(), &about) != 0) {
        throw std::system_error(errno, std::generic_category(), "stat of the segment's file");
    }
    return static_cast<double>(about.st_size);
}

contestant one_more(const char* what, std::uint32_t shmsem::limits::*field) {
    return {what, [field](const effort&) -> sample {
                shmsem::limits few;
                shmsem::limits many;
                few.*field = 64;
                // The difference is a multiple of 512: pages that are filled up to their end do not blur the result.
                many.*field = 64 + 3584;
                return {(bytes_with(many) - bytes_with(few)) / 3584};
            }};
}

contestant segment_with(const char* what, const shmsem::limits& limits) {
    return {what, [limits](const effort&) -> sample { return {bytes_with(limits)}; }};
}

}  // namespace

void add_memory(std::vector<benchmark>& to) {
    const std::vector<measure> size = {{"size", "B", better::lower}};
    to.push_back(benchmark{"memory/one-more", "what one more adds to the segment", size}
                     .state(one_more("permit", &shmsem::limits::permits), {64})
                     .state(one_more("waiter", &shmsem::limits::waiters), {128})
                     .state(one_more("process", &shmsem::limits::processes), {128})
                     .state(one_more("semaphore", &shmsem::limits::semaphores), {512})
                     .state(one_more("tenant", &shmsem::limits::tenants)));
    to.push_back(benchmark{"memory/segment", "size of a segment in which nothing is in use", size}
                     .state(segment_with("default limits", {}))
                     .state(segment_with("room for one of each",
                                         {.processes = 1, .semaphores = 1, .permits = 1, .waiters = 1, .tenants = 1})));
}

}  // namespace semabench
