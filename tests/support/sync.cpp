#include "support/sync.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

namespace shmsem::test {
namespace {

// Not the private kind: the word may lie in memory that several processes share.
void sleep_while(const std::atomic<std::uint32_t>& word, std::uint32_t seen) noexcept {
    ::syscall(SYS_futex, &word, FUTEX_WAIT, seen, nullptr, nullptr, 0);
}

void wake_all(const std::atomic<std::uint32_t>& word) noexcept {
    ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace

void flag::raise() noexcept {
    word_.store(1, std::memory_order_release);
    wake_all(word_);
}

void flag::wait() noexcept {
    while (!raised()) sleep_while(word_, 0);
}

void barrier::arrive_and_wait() noexcept {
    // The round is read before arriving: the last to arrive may end the round at once.
    const std::uint32_t round = round_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == parties_) {
        arrived_.store(0, std::memory_order_relaxed);
        round_.fetch_add(1, std::memory_order_release);
        wake_all(round_);
        return;
    }
    while (round_.load(std::memory_order_acquire) == round) sleep_while(round_, round);
}

void tally::add(std::uint32_t n) noexcept {
    word_.fetch_add(n, std::memory_order_acq_rel);
    wake_all(word_);
}

void tally::wait_for(std::uint32_t at_least) noexcept {
    for (;;) {
        const std::uint32_t seen = value();
        if (seen >= at_least) return;
        sleep_while(word_, seen);
    }
}

}  // namespace shmsem::test
