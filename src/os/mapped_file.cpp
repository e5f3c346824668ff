#include "os/mapped_file.hpp"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include <array>
#include <memory>

namespace shmsem::os {
namespace {

struct closer {
    void operator()(FILE* f) const noexcept { ::fclose(f); }
    void operator()(DIR* d) const noexcept { ::closedir(d); }
};

bool maps_name(const char* maps_path, std::uint64_t device, std::uint64_t inode) noexcept {
    const std::unique_ptr<FILE, closer> maps(::fopen(maps_path, "re"));
    if (!maps) return false;
    std::array<char, 512> line;  // the numbers come first; what is left of a longer one matches no format
    while (::fgets(line.data(), line.size(), maps.get()) != nullptr) {
        unsigned major = 0;
        unsigned minor = 0;
        unsigned long long file = 0;
        // from-to permissions offset device inode path
        if (::sscanf(line.data(), "%*x-%*x %*4s %*x %x:%x %llu", &major, &minor, &file) == 3 && file == inode &&
            makedev(major, minor) == device) {
            return true;
        }
    }
    return false;
}

}  // namespace

bool is_mapped_by_somebody(std::uint64_t device, std::uint64_t inode) noexcept {
    const std::unique_ptr<DIR, closer> processes(::opendir("/proc"));
    if (!processes) return false;
    while (const dirent* entry = ::readdir(processes.get())) {
        if (::isdigit(static_cast<unsigned char>(entry->d_name[0])) == 0) continue;
        std::array<char, 64> path;
        ::snprintf(path.data(), path.size(), "/proc/%.32s/maps", entry->d_name);
        if (maps_name(path.data(), device, inode)) return true;
    }
    return false;
}

}  // namespace shmsem::os
