#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace demo {

struct scan_result {
    std::vector<std::string> files;  ///< sorted
    std::size_t unreadable_directories = 0;
};

/// Every regular file under `directory`; symbolic links below it are not followed.
/// @throws std::filesystem::filesystem_error when `directory` itself cannot be read
scan_result scan(const std::filesystem::path& directory);

}  // namespace demo
