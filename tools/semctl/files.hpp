#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace shmsem::semctl {

/// What the directory says of a segment's file, whoever may read it.
struct file_facts {
    bool exists = false;
    bool regular = false;
    std::uint64_t bytes = 0;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t mode = 0;          ///< permission bits
    std::chrono::nanoseconds age{};  ///< since its contents or mode were last changed by a system call
};

/// /dev/shm/shmsem.<name>
[[nodiscard]] std::string path_of(const std::string& segment);
[[nodiscard]] file_facts file_of(const std::string& segment);

/// "owner", "group", "everyone", or the octal digits of anything else.
[[nodiscard]] std::string mode_words(std::uint32_t mode);

}  // namespace shmsem::semctl
