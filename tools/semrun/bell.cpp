#include "semrun/bell.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace shmsem::semrun {

bell::bell() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0)
        throw std::system_error(errno, std::generic_category(), "there is no file descriptor to be had: check ulimit -n");
}

bell::~bell() { ::close(fd_); }

void bell::ring() noexcept {
    const std::uint64_t once = 1;
    [[maybe_unused]] const ssize_t ignored = ::write(fd_, &once, sizeof once);
}

void bell::hush() noexcept {
    std::uint64_t rung = 0;
    [[maybe_unused]] const ssize_t ignored = ::read(fd_, &rung, sizeof rung);
}

}  // namespace shmsem::semrun
