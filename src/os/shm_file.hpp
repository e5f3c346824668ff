#pragma once

#include <boost/interprocess/creation_tags.hpp>
#include <boost/interprocess/detail/os_file_functions.hpp>
#include <boost/interprocess/interprocess_fwd.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shmsem::os {

/// An open file in /dev/shm. Meets Boost.Interprocess's MemoryMappable concept, so mapped_region maps it. Unlike
/// shared_memory_object it can exist without a name until it is ready (O_TMPFILE), so a creator that dies leaves nothing.
class shm_file {
   public:
    struct facts {
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        std::uint64_t size = 0;
        std::uint32_t uid = 0;
        std::uint32_t gid = 0;
        std::uint32_t mode = 0;
        std::uint32_t links = 0;
        bool regular = false;
    };

    shm_file() = default;
    shm_file(shm_file&& other) noexcept : fd_(std::exchange(other.fd_, -1)), writable_(other.writable_) {}
    shm_file& operator=(shm_file&& other) noexcept {
        std::swap(fd_, other.fd_);
        std::swap(writable_, other.writable_);
        return *this;
    }
    ~shm_file();

    // Each gives 0, or an errno value.
    static int open(const std::string& file, bool writable, shm_file& result) noexcept;
    static int create_nameless(shm_file& result) noexcept;
    /// Not in /dev/shm at all: lives as long as somebody has it mapped.
    static int create_anonymous(shm_file& result) noexcept;
    /// Reserves the memory too, so that a full /dev/shm shows here, not as SIGBUS later.
    int allocate(std::uint64_t bytes) noexcept;
    int set_mode(unsigned mode) noexcept;
    /// Gives a nameless file its name; EEXIST when the name is taken.
    int link_as(const std::string& file);
    /// Removes the name if it still stands for this very file, so that removing races with nobody's re-creation: all who
    /// unlink hold the file's lock, and a name can only change hands after an unlink. ENOENT when it stands for another,
    /// ETIMEDOUT when somebody else has had it locked for a second.
    int unlink_as(const std::string& file) noexcept;

    [[nodiscard]] facts stat() const noexcept;
    /// Reads without mapping, so that a file that is cut short meanwhile is a short count, not SIGBUS. @return bytes read
    std::size_t read(std::uint64_t offset, void* buffer, std::size_t bytes) const noexcept;
    [[nodiscard]] boost::interprocess::mapping_handle_t get_mapping_handle() const noexcept { return {fd_, false}; }
    [[nodiscard]] boost::interprocess::mode_t get_mode() const noexcept {
        return writable_ ? boost::interprocess::read_write : boost::interprocess::read_only;
    }
    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }

   private:
    int fd_ = -1;
    bool writable_ = true;
};

/// Names of the files in /dev/shm that begin so, without the beginning.
std::vector<std::string> list_shm(std::string_view prefix);
/// True when the process belongs to the group.
bool in_group(std::uint32_t gid) noexcept;

}  // namespace shmsem::os
