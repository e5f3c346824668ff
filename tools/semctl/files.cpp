#include "semctl/files.hpp"

#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <cstdio>

namespace shmsem::semctl {
namespace {

std::chrono::nanoseconds since(const timespec& then) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const std::chrono::nanoseconds passed =
        std::chrono::seconds{now.tv_sec - then.tv_sec} + std::chrono::nanoseconds{now.tv_nsec - then.tv_nsec};
    return std::max(passed, std::chrono::nanoseconds{});
}

}  // namespace

std::string path_of(const std::string& segment) { return "/dev/shm/shmsem." + segment; }

file_facts file_of(const std::string& segment) {
    struct stat seen {};
    if (::lstat(path_of(segment).c_str(), &seen) != 0) return {};
    return {.exists = true,
            .regular = S_ISREG(seen.st_mode),
            .bytes = static_cast<std::uint64_t>(seen.st_size),
            .uid = seen.st_uid,
            .gid = seen.st_gid,
            .mode = seen.st_mode & 07777,
            .age = since(seen.st_mtim)};
}

std::string mode_words(std::uint32_t mode) {
    switch (mode) {
        case 0600: return "owner";
        case 0660: return "group";
        case 0666: return "everyone";
        default: break;
    }
    char digits[16];
    std::snprintf(digits, sizeof digits, "%04o", static_cast<unsigned>(mode));
    return digits;
}

}  // namespace shmsem::semctl
