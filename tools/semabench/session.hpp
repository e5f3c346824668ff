#pragma once

#include <concepts>

namespace semabench {

/// What a session hands out that has nothing to carry from acquire to release.
struct nothing {};

// What the benchmarks ask of a lock, ours or a rival: the parent makes it with so many permits before it forks, and destroys
// it when the children are gone; each process has a session of it. All is inline and statically bound, so that the loops
// measure the primitive and not the harness.
template <class Lock>
concept lock_to_measure = std::constructible_from<Lock, unsigned> && requires(Lock lock) {
    { Lock::name } -> std::convertible_to<const char*>;
    { lock.join().acquire() } -> std::movable;
} && requires(Lock lock, decltype(lock.join().acquire()) held) {
    lock.join().release(held);
};

}  // namespace semabench
