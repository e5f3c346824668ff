#include "demo_main/checksum.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace demo {

file_result checksum_file(const std::string& path) noexcept {
    // O_NOFOLLOW, O_NONBLOCK: it may have been replaced since the scan, by a link or by a FIFO without a writer.
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return {.checksum = 0, .bytes = 0, .error = errno};
    file_result result;
    struct stat status {};
    if (::fstat(fd, &status) != 0) {
        result.error = errno;
    } else if (!S_ISREG(status.st_mode)) {
        result.error = EINVAL;
    }
    fnv1a sum;
    std::array<char, 64 * 1024> buffer;
    while (result.error == 0) {
        const ssize_t n = ::read(fd, buffer.data(), buffer.size());
        if (n == 0) break;
        if (n > 0) {
            sum.add(buffer.data(), static_cast<std::size_t>(n));
            result.bytes += static_cast<std::uint64_t>(n);
        } else if (errno != EINTR) {
            result.error = errno;
        }
    }
    ::close(fd);
    result.checksum = result.error == 0 ? sum.value() : 0;
    return result;
}

}  // namespace demo
