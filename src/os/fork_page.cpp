#include "os/fork_page.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace shmsem::os {
namespace {
std::size_t whole_pages(std::size_t bytes) noexcept {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return (bytes + page - 1) / page * page;
}
}  // namespace

void* make_fork_page(std::size_t bytes) noexcept {
    const std::size_t size = whole_pages(bytes);
    void* page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return nullptr;
    if (::madvise(page, size, MADV_WIPEONFORK) != 0) {
        ::munmap(page, size);
        return nullptr;
    }
    return page;
}

void free_fork_page(void* page, std::size_t bytes) noexcept {
    if (page != nullptr) ::munmap(page, whole_pages(bytes));
}

}  // namespace shmsem::os
