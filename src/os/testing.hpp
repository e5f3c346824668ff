#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

// Seams for tests. In the library that is installed they are empty inline functions; in the variant that tests link
// (SHMSEM_TESTING) a test can kill or stop the process at a named point, shift its clock, and take system calls away.

namespace shmsem::os {

enum class syscall_kind : std::uint8_t { robust_list, futex_waitv, pidfd, rseq };

#if SHMSEM_TESTING
void kill_point(const char* name) noexcept;
bool refused(syscall_kind what) noexcept;
std::chrono::nanoseconds clock_shift() noexcept;
/// Ends the process when an index lies outside of its table: damaged memory must never lead there.
void expect_below(std::size_t index, std::size_t count) noexcept;

namespace testing {
using os::syscall_kind;
/// Shifts this process's view of the monotonic clock, and wakes what sleeps by it.
void advance_clock(std::chrono::nanoseconds by);
void die_at(const char* point, int nth = 1);
void stop_at(const char* point, int nth = 1);
void call_at(const char* point, void (*fn)());
void refuse(syscall_kind what);
void allow_all();
/// From now on every thread is taken to keep its processor, as it would be if nothing else ran.
void keep_processor();
/// What advance_clock() calls so that sleepers look at the clock again.
void on_clock_change(void (*fn)());
}  // namespace testing
#else
inline void kill_point(const char*) noexcept {}
inline bool refused(syscall_kind) noexcept { return false; }
inline std::chrono::nanoseconds clock_shift() noexcept { return {}; }
inline void expect_below(std::size_t, std::size_t) noexcept {}
#endif

}  // namespace shmsem::os
