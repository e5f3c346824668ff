#include "os/futex.hpp"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

namespace shmsem::os {
namespace {

// The kernel knows nothing of a test's shifted clock.
timespec kernel_time(instant when) noexcept {
    if (when == never) return {};  // and is not passed
    auto since = when.time_since_epoch() - clock_shift();
    if (since.count() < 0) since = nanoseconds{0};
    return {.tv_sec = since.count() / 1'000'000'000, .tv_nsec = since.count() % 1'000'000'000};
}

// struct futex_waitv of the kernel's interface, which older kernel headers lack.
struct kernel_waitv {
    std::uint64_t val;
    std::uint64_t uaddr;
    std::uint32_t flags;
    std::uint32_t reserved;
};
constexpr std::uint32_t shared_32_bit_word = 2;  // FUTEX_32, without FUTEX_PRIVATE_FLAG

}  // namespace

bool futex_wait(futex_word& word, std::uint32_t expected, instant until) noexcept {
    const timespec ts = kernel_time(until);
    const long rc = ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, expected, until == never ? nullptr : &ts, nullptr,
                              FUTEX_BITSET_MATCH_ANY);
    return rc == 0 || errno != ETIMEDOUT;
}

int futex_wake(futex_word& word, int count) noexcept {
    const long woken = ::syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0);
    return woken < 0 ? 0 : static_cast<int>(woken);
}

wait_any_result futex_wait_any(std::span<const waited_word> words, instant until) noexcept {
    if (refused(syscall_kind::futex_waitv)) return wait_any_result::unsupported;
    std::array<kernel_waitv, max_waited_words> list;
    std::size_t count = 0;
    for (const auto& w : words.first(std::min(words.size(), max_waited_words))) {
        list[count++] = {.val = w.expected,
                         .uaddr = reinterpret_cast<std::uintptr_t>(w.word),
                         .flags = shared_32_bit_word,
                         .reserved = 0};
    }
    const timespec ts = kernel_time(until);
    const long rc = ::syscall(SYS_futex_waitv, list.data(), count, 0, until == never ? nullptr : &ts, CLOCK_MONOTONIC);
    if (rc >= 0) return wait_any_result::woken;
    switch (errno) {
        case ETIMEDOUT: return wait_any_result::timed_out;
        case EAGAIN:
        case EINTR: return wait_any_result::woken;
        default: return wait_any_result::unsupported;  // ENOSYS, or EPERM from a seccomp filter
    }
}

}  // namespace shmsem::os
