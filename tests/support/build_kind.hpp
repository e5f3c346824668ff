#pragma once

// Sanitized builds run the same tests several times slower; bounds on how long a test may take stretch with them.

namespace shmsem::test {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool address_sanitizer = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool address_sanitizer = true;
#else
inline constexpr bool address_sanitizer = false;
#endif
#else
inline constexpr bool address_sanitizer = false;
#endif

#if defined(__SANITIZE_THREAD__)
inline constexpr bool thread_sanitizer = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool thread_sanitizer = true;
#else
inline constexpr bool thread_sanitizer = false;
#endif
#else
inline constexpr bool thread_sanitizer = false;
#endif

inline constexpr int slowness = thread_sanitizer ? 10 : address_sanitizer ? 4 : 1;

/// `n`, or less in a build where each step takes longer.
constexpr int rounds(int n) { return n / slowness > 0 ? n / slowness : 1; }

}  // namespace shmsem::test
