#include "robust/robust_lock.hpp"

#include <linux/futex.h>
#include <sched.h>

#include <bit>

namespace shmsem::robust {

using layout::lock_word;

namespace {

constexpr int spins = 200;                                           // the sections last about a microsecond
constexpr os::nanoseconds look_again{5'000'000};                     // how soon a sleeper notices that the owner died
constexpr os::nanoseconds threads_follow_their_process{20'000'000};  // only where the kernel does not mark section words

static_assert(std::endian::native == std::endian::little, "the low half of a lock word is its futex");
os::futex_word& futex_of(layout::word64& word) noexcept { return *reinterpret_cast<os::futex_word*>(&word); }

}  // namespace

void critical_section::enter() noexcept {
    if (section_ != layout::none) return;
    auto& used = member_.page().sections_used;
    std::uint32_t taken = used.load(std::memory_order_relaxed);
    for (;;) {
        const auto bit = static_cast<std::uint32_t>(std::countr_one(taken));
        if (bit >= layout::sections_per_process) {
            ::sched_yield();  // four threads of ours are inside already
            taken = used.load(std::memory_order_relaxed);
        } else if (used.compare_exchange_weak(taken, taken | 1U << bit, std::memory_order_acquire,
                                              std::memory_order_relaxed)) {
            section_ = bit;
            break;
        }
    }
    auto& thread = os::thread_identity::current();
    auto& word = member_.view().process(process_).sections[section_];
    // Before the lock word names us: whoever reads our name there (acquire) sees this store.
    word.store(thread.tid(), std::memory_order_release);
    thread.announce(word);
}

void critical_section::leave() noexcept {
    if (section_ == layout::none) return;
    os::thread_identity::current().withdraw();
    member_.view().process(process_).sections[section_].store(0, std::memory_order_release);
    member_.page().sections_used.fetch_and(~(1U << section_), std::memory_order_release);
    section_ = layout::none;
}

bool robust_lock::owner_is_dead(lock_word seen) noexcept {
    const layout::process_index p = seen.owner - 1;
    if (!member_.view().has_process(p) || seen.section >= layout::sections_per_process) return true;  // nobody has that name
    const auto& entry = member_.view().process(p);
    if (layout::entry_word::unpack(entry.word.load(std::memory_order_acquire)).state == layout::entry_state::free)
        return true;
    // An owner's section word holds its thread's id for as long as it owns. Should the lock have changed hands between the two
    // loads, the steal fails: every ownership is another lock word.
    const std::uint32_t section = entry.sections[seen.section].load(std::memory_order_acquire);
    if (section == 0 || (section & FUTEX_OWNER_DIED) != 0) return true;
    if (p == section_.process() && (member_.page().sections_used.load() >> seen.section & 1) == 0) return true;
    // Where the kernel marks nothing, a process is known dead by its pid alone, and then all its threads are gone.
    if (entry.kernel_signed.load(std::memory_order_relaxed) == 0) return member_.life_of(p) == life::dead;
    // Else threads die one after the other, each one's word being marked. Should that not be, we wait until all must be gone.
    if (member_.life_of(p) != life::dead) {
        process_dead_since_ = os::never;
        return false;
    }
    const os::instant now = os::now();
    if (process_dead_since_ == os::never) process_dead_since_ = now;
    return now - process_dead_since_ >= threads_follow_their_process;
}

//                                dies here                   survivors see                          and do
//   enter section              -                           section word marked, lock not ours     nothing
//   lock word -> ours  COMMIT  lock.taken                  lock ours, section word marked         steal it, rebuild
//   ... critical section ...   anywhere                    the same                               the same
//   lock word -> nobody        lock.before_release/-       as above / free, waiters asleep        sleepers look again in 5 ms
//   wake, leave section        lock.released               free                                   nothing
robust_lock::attempt robust_lock::once(bool slept, lock_word& seen) noexcept {
    // seq_cst: pairs with unlock(); see request_dispatch(), which relies on "I saw it taken" being ordered with its flag.
    std::uint64_t bits = word_.load(std::memory_order_seq_cst);
    seen = lock_word::unpack(bits);
    const bool dead = seen.owner != 0 && owner_is_dead(seen);
    if (seen.owner != 0 && !dead) return attempt::busy;
    section_.enter();
    mine_ = {.acquisitions = seen.acquisitions + 1,
             .owner = section_.process() + 1,
             .section = section_.section(),
             .waiters = seen.waiters || slept};
    // acquire: pairs with the release in unlock(), or with the kernel's mark; what the last owner did is visible to us.
    if (word_.compare_exchange_strong(bits, mine_.pack(), std::memory_order_seq_cst)) {
        owned_ = true;
        os::kill_point("lock.taken");
        return dead ? attempt::owner_died : attempt::clean;
    }
    seen = lock_word::unpack(bits);
    section_.leave();
    return attempt::busy;
}

lock_result robust_lock::try_lock() noexcept {
    lock_word seen;
    switch (once(false, seen)) {
        case attempt::clean: return lock_result::clean;
        case attempt::owner_died: return lock_result::owner_died;
        case attempt::busy: break;
    }
    return lock_result::timed_out;
}

lock_result robust_lock::lock(const lock_wait& wait) noexcept {
    bool slept = false;
    for (int round = 0;; ++round) {
        lock_word seen;
        switch (once(slept, seen)) {
            case attempt::clean: return lock_result::clean;
            case attempt::owner_died: return lock_result::owner_died;
            case attempt::busy: break;
        }
        if (round < spins) {
            os::relax();
            continue;
        }
        const os::instant now = os::now();
        if (now >= wait.until || (wait.stop != nullptr && wait.stop->stop_requested())) return lock_result::timed_out;
        if (seen.owner == 0) continue;
        lock_word sleeping = seen;
        sleeping.waiters = true;
        std::uint64_t bits = seen.pack();
        if (!seen.waiters && !word_.compare_exchange_strong(bits, sleeping.pack())) continue;
        os::futex_wait(futex_of(word_), sleeping.low(), std::min(wait.until, os::after(now, look_again)));
        slept = true;  // others may sleep too: whoever slept takes it with the waiters bit set
    }
}

void robust_lock::unlock() noexcept {
    if (!owned_) return;
    owned_ = false;
    os::kill_point("lock.before_release");
    std::uint64_t bits = word_.load(std::memory_order_relaxed);
    for (;;) {
        const lock_word seen = lock_word::unpack(bits);
        // Not ours any more: memory was damaged. Whoever has it now rebuilt what it protects.
        if (seen.acquisitions != mine_.acquisitions || seen.owner != mine_.owner) break;
        const lock_word free{.acquisitions = seen.acquisitions, .owner = 0, .section = 0, .waiters = false};
        if (word_.compare_exchange_weak(bits, free.pack(), std::memory_order_seq_cst)) {
            if (seen.waiters) os::futex_wake(futex_of(word_), 1);
            break;
        }
    }
    os::kill_point("lock.released");
    section_.leave();
}

}  // namespace shmsem::robust
