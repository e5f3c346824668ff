#include "report/bus_guard.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>

namespace shmsem::report {
namespace {

volatile std::sig_atomic_t zeros_mapped = 0;
std::uintptr_t page_bytes = 4096;
struct sigaction previous;

// Only system calls. The page goes when the segment is unmapped, since it lies in the middle of its mapping.
void map_zeros(int, siginfo_t* info, void*) {
    const std::uintptr_t page = reinterpret_cast<std::uintptr_t>(info->si_addr) & ~(page_bytes - 1);
    void* mapped = MAP_FAILED;
    if (info->si_code == BUS_ADRERR) {
        mapped = ::mmap(reinterpret_cast<void*>(page), page_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    }
    // Something else is wrong: the instruction is repeated, and ends the process.
    if (mapped == MAP_FAILED) ::signal(SIGBUS, SIG_DFL);
    zeros_mapped = 1;
}

}  // namespace

bus_guard::bus_guard() {
    zeros_mapped = 0;
    page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    struct sigaction action {};
    action.sa_sigaction = map_zeros;
    action.sa_flags = SA_SIGINFO;
    ::sigaction(SIGBUS, &action, &previous);
}

bus_guard::~bus_guard() { ::sigaction(SIGBUS, &previous, nullptr); }

bool bus_guard::tripped() const noexcept { return zeros_mapped != 0; }

}  // namespace shmsem::report
