#include "semrun/spool.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace shmsem::semrun {
namespace {

// A pipe that poll() calls writable takes this much without blocking (PIPE_BUF).
constexpr std::size_t kPiece = 4096;

int nameless_file() {
    const char* chosen = std::getenv("TMPDIR");
    const char* directory = chosen != nullptr && *chosen != '\0' ? chosen : "/tmp";
    // O_APPEND: a job may open its standard output anew, as /dev/stdout; pieces of both must not overwrite each other.
    const int fd = ::open(directory, O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : ::memfd_create("semrun-output", MFD_CLOEXEC);
}

}  // namespace

spool::spool() : fd_(nameless_file()) {
    if (fd_ < 0) {
        throw std::system_error(errno, std::generic_category(),
                                "there is no file to be had for the output of a job: check TMPDIR and ulimit -n");
    }
}

spool::~spool() { ::close(fd_); }

off_t spool::size() const noexcept {
    struct stat about {};
    return ::fstat(fd_, &about) == 0 ? about.st_size : 0;
}

void printer::add(std::unique_ptr<spool> what, int target) {
    if (what->size() != 0) queue_.push_back({.what = std::move(what), .target = target});
}

bool printer::print_some() {
    entry& now = queue_.front();
    std::array<char, kPiece> piece;
    const ssize_t got = ::pread(now.what->fd(), piece.data(), piece.size(), now.done);
    if (got <= 0) {
        queue_.pop_front();
        return true;
    }
    const ssize_t put = ::write(now.target, piece.data(), static_cast<std::size_t>(got));
    if (put < 0) {
        if (errno == EAGAIN || errno == EINTR) return true;
        queue_.pop_front();
        return false;
    }
    now.done += put;
    if (put > 0) at_line_start_ = piece[static_cast<std::size_t>(put) - 1] == '\n';
    if (now.done >= now.what->size()) queue_.pop_front();
    return true;
}

}  // namespace shmsem::semrun
