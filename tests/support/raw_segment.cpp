#include "support/raw_segment.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "support/child.hpp"
#include "support/test_segment.hpp"

namespace shmsem::test {
namespace {

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::system_category(), what); }

}  // namespace

raw_segment::raw_segment(const std::string& name) {
    fd_ = ::open(path_of(name).c_str(), O_RDWR | O_CLOEXEC);
    if (fd_ < 0) fail("open " + path_of(name));
    struct stat facts {};
    ::fstat(fd_, &facts);
    bytes_ = static_cast<std::uint64_t>(facts.st_size);
    base_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    if (base_ == MAP_FAILED) fail("mmap " + path_of(name));
    const auto& h = *static_cast<layout::header*>(base_);
    view_ = layout::view(base_, layout::geometry::of({h.processes, h.semaphores, h.permits, h.waiters, h.tenants}));
}

raw_segment::~raw_segment() {
    ::munmap(base_, bytes_);
    ::close(fd_);
}

void raw_segment::truncate(std::uint64_t bytes) {
    if (::ftruncate(fd_, static_cast<off_t>(bytes)) != 0) fail("ftruncate");
}

void make_abandoned_segment(const std::string& name, const limits& sizes) {
    in_child([&] { (void)segment::create(name, sizes); });
}

void make_file(const std::string& name, const std::string& content, unsigned mode) {
    const int fd = ::open(path_of(name).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) fail("open " + path_of(name));
    if (::write(fd, content.data(), content.size()) != static_cast<ssize_t>(content.size())) fail("write");
    ::fchmod(fd, mode);
    ::close(fd);
}

}  // namespace shmsem::test
