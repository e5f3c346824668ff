#include "demo_main/scan.hpp"

#include <algorithm>
#include <system_error>

namespace demo {
namespace fs = std::filesystem;

scan_result scan(const fs::path& directory) {
    scan_result found;
    std::vector<fs::path> left{directory};
    (void)fs::directory_iterator(directory);  // throws: what the user named must be there
    while (!left.empty()) {
        const fs::path here = std::move(left.back());
        left.pop_back();
        std::error_code ec;
        fs::directory_iterator entry(here, ec);
        while (!ec && entry != fs::directory_iterator()) {
            std::error_code vanished;
            const fs::file_status status = entry->symlink_status(vanished);
            if (fs::is_directory(status)) {
                left.push_back(entry->path());
            } else if (fs::is_regular_file(status)) {
                found.files.push_back(entry->path().string());
            }
            entry.increment(ec);
        }
        if (ec) ++found.unreadable_directories;
    }
    std::sort(found.files.begin(), found.files.end());
    return found;
}

}  // namespace demo
