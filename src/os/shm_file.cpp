#include "os/shm_file.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

namespace shmsem::os {
namespace {

constexpr const char* directory = "/dev/shm";
std::string path_of(const std::string& file) { return std::string(directory) + "/" + file; }

}  // namespace

shm_file::~shm_file() {
    if (fd_ >= 0) ::close(fd_);
}

int shm_file::open(const std::string& file, bool writable, shm_file& result) noexcept {
    // As shm_open: never through a symbolic link, which another user may have laid.
    const int fd = ::open(path_of(file).c_str(), (writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return errno;
    result = shm_file{};
    result.fd_ = fd;
    result.writable_ = writable;
    return 0;
}

int shm_file::create_nameless(shm_file& result) noexcept {
    const int fd = ::open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) return errno;
    result = shm_file{};
    result.fd_ = fd;
    result.writable_ = true;
    return 0;
}

int shm_file::create_anonymous(shm_file& result) noexcept {
    const int fd = ::memfd_create("shmsem", MFD_CLOEXEC);
    if (fd < 0) return errno;
    result = shm_file{};
    result.fd_ = fd;
    result.writable_ = true;
    return 0;
}

int shm_file::allocate(std::uint64_t bytes) noexcept {
    int rc;
    do rc = ::posix_fallocate(fd_, 0, static_cast<off_t>(bytes));
    while (rc == EINTR);
    return rc;
}

int shm_file::set_mode(unsigned mode) noexcept { return ::fchmod(fd_, mode) == 0 ? 0 : errno; }

int shm_file::link_as(const std::string& file) {
    const std::string self = "/proc/self/fd/" + std::to_string(fd_);
    const std::string path = path_of(file);
    if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) return 0;
    if (errno != ENOENT) return errno;
    return ::linkat(fd_, "", AT_FDCWD, path.c_str(), AT_EMPTY_PATH) == 0 ? 0 : errno;  // no /proc: needs a capability
}

int shm_file::unlink_as(const std::string& file) noexcept {
    // Not for ever: anybody who can open the file can lock it.
    for (int tries = 0; ::flock(fd_, LOCK_EX | LOCK_NB) != 0; ++tries) {
        if (errno != EWOULDBLOCK && errno != EINTR) return errno;
        if (tries == 1000) return ETIMEDOUT;
        ::usleep(1000);
    }
    const std::string path = path_of(file);
    const facts mine = stat();
    struct stat named;
    int rc = 0;
    if (::lstat(path.c_str(), &named) != 0) {
        rc = errno;
    } else if (named.st_dev != mine.device || named.st_ino != mine.inode) {
        rc = ENOENT;
    } else if (::unlink(path.c_str()) != 0) {
        rc = errno;
    }
    ::flock(fd_, LOCK_UN);
    return rc;
}

shm_file::facts shm_file::stat() const noexcept {
    struct stat st;
    if (::fstat(fd_, &st) != 0) return {};
    return {.device = st.st_dev,
            .inode = st.st_ino,
            .size = static_cast<std::uint64_t>(st.st_size),
            .uid = st.st_uid,
            .gid = st.st_gid,
            .mode = st.st_mode & 07777,
            .links = static_cast<std::uint32_t>(st.st_nlink),
            .regular = S_ISREG(st.st_mode)};
}

std::size_t shm_file::read(std::uint64_t offset, void* buffer, std::size_t bytes) const noexcept {
    std::size_t done = 0;
    while (done < bytes) {
        const ssize_t n = ::pread(fd_, static_cast<char*>(buffer) + done, bytes - done, static_cast<off_t>(offset + done));
        if (n == 0 || (n < 0 && errno != EINTR)) break;
        if (n > 0) done += static_cast<std::size_t>(n);
    }
    return done;
}

std::vector<std::string> list_shm(std::string_view prefix) {
    std::vector<std::string> names;
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory), ::closedir);
    if (!dir) return names;
    while (const dirent* entry = ::readdir(dir.get())) {
        const std::string_view name = entry->d_name;
        if (name.starts_with(prefix)) names.emplace_back(name.substr(prefix.size()));
    }
    std::sort(names.begin(), names.end());
    return names;
}

bool in_group(std::uint32_t gid) noexcept {
    if (gid == ::getegid()) return true;
    std::vector<gid_t> groups(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
    const int n = ::getgroups(static_cast<int>(groups.size()), groups.data());
    return n > 0 && std::find(groups.begin(), groups.begin() + n, gid) != groups.begin() + n;
}

}  // namespace shmsem::os
