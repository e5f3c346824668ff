#pragma once

#include <linux/futex.h>

#include <atomic>
#include <cstdint>
#include <span>

#include "os/clock.hpp"

// Futexes on words that may lie in shared memory, so never the private kind. Waits take absolute deadlines and may end spuriously; every
// caller re-reads the word it waits for.

namespace shmsem::os {

using futex_word = std::atomic<std::uint32_t>;
static_assert(sizeof(futex_word) == 4 && futex_word::is_always_lock_free);

/// Sleeps while `word` is `expected`, until `until`. @return false when the deadline passed
bool futex_wait(futex_word& word, std::uint32_t expected, instant until) noexcept;
/// @return how many were woken
int futex_wake(futex_word& word, int count) noexcept;

struct waited_word {
    futex_word* word;
    std::uint32_t expected;
};
inline constexpr std::size_t max_waited_words = 128;
enum class wait_any_result : std::uint8_t { woken, timed_out, unsupported };
/// Sleeps while every word has its expected value (FUTEX_WAITV, Linux 5.16).
wait_any_result futex_wait_any(std::span<const waited_word> words, instant until) noexcept;
/// Where that is unsupported: how long to sleep at most on a word of the segment, which others may overwrite, when there is a word
/// of our own to heed as well.
inline constexpr nanoseconds one_word_sleep{1'000'000'000};

/// Tells the processor that this is a spin loop.
inline void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

}  // namespace shmsem::os
