#include "os/still_running.hpp"

#include <sys/mman.h>
#include <time.h>

#include <new>

#include "os/testing.hpp"

#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

namespace shmsem::os {

namespace {
// No addresses, so equal to no thread's word.
constexpr std::uint64_t not_chosen = 1;
[[maybe_unused]] constexpr std::uint64_t no_mark = 2;
}  // namespace

constinit running_word the_running_mark{not_chosen};
constinit running_word never_running{0};

#if defined(RSEQ_SIG)

namespace {

// Begins and ends where no code is. The kernel looks for the signature before the place where it would go on after an abort, and
// finds the thread outside of the sequence. In a page of its own, which is never freed, since a thread may be marked when this
// library is unloaded, and whose address has no tag, as the heap's may.
struct empty_sequence {
    rseq_cs place{};
    std::uint32_t nowhere[7]{};
    std::uint32_t signature = RSEQ_SIG;
    std::uint32_t after_abort[8]{};
};

std::uint64_t address_of(const void* p) noexcept { return reinterpret_cast<std::uintptr_t>(p); }

running_word* own_word() noexcept {
    auto* area = reinterpret_cast<rseq*>(static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset);
    static_assert(sizeof(area->rseq_cs) == sizeof(running_word));
    return reinterpret_cast<running_word*>(&area->rseq_cs);
}

// Kernels from 6.19 on clear it only where an interrupt took the processor, not when a thread goes to sleep by itself.
bool sleep_clears(std::uint64_t mark) noexcept {
    own_word()->store(mark, std::memory_order_relaxed);
    timespec const brief{.tv_sec = 0, .tv_nsec = 50'000};
    ::nanosleep(&brief, nullptr);
    const bool cleared = own_word()->load(std::memory_order_relaxed) != mark;
    own_word()->store(0, std::memory_order_relaxed);
    return cleared;
}

// @return 0 where it cannot be had
std::uint64_t make_mark() noexcept {
    if (__rseq_size == 0) return 0;
    void* page = ::mmap(nullptr, sizeof(empty_sequence), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return 0;
    auto* sequence = new (page) empty_sequence;
    sequence->place.start_ip = address_of(&sequence->nowhere);
    sequence->place.post_commit_offset = 1;
    sequence->place.abort_ip = address_of(&sequence->after_abort);
    return address_of(sequence);
}

// Whoever comes first publishes. A guarded static would be closed for ever in a child that is forked while it is made.
std::uint64_t mark_of_this_process() noexcept {
    std::uint64_t mark = the_running_mark.load(std::memory_order_acquire);
    if (mark != not_chosen) [[likely]]
        return mark;
    const std::uint64_t made = make_mark();
    const std::uint64_t mine = made != 0 && sleep_clears(made) ? made : no_mark;
    const bool first = the_running_mark.compare_exchange_strong(mark, mine);
    if (made != 0 && (!first || mine == no_mark)) ::munmap(reinterpret_cast<void*>(made), sizeof(empty_sequence));
    return first ? mine : mark;
}

}  // namespace

const running_word* mark_running() noexcept {
    const std::uint64_t mark = mark_of_this_process();
    if (mark == no_mark || refused(syscall_kind::rseq)) return &never_running;
    running_word* word = own_word();
    word->store(mark, std::memory_order_relaxed);
    // What is read after this is read after the mark was there: the kernel, on this very processor, sees the program's order.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return word;
}

#else

const running_word* mark_running() noexcept { return &never_running; }

#endif

#if SHMSEM_TESTING
void testing::keep_processor() {
    (void)mark_running();        // chooses the mark, once and for all
    refuse(syscall_kind::rseq);  // so that each thread looks at the word of those that were never marked
    the_running_mark.store(never_running.load());
}
#endif

}  // namespace shmsem::os
