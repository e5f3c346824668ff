#include "os/still_running.hpp"

#include <new>

#include "os/testing.hpp"

#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

namespace shmsem::os {

constinit running_word the_running_mark{1};  // no address: equal to no word, until there is a sequence
constinit running_word never_running{0};

#if defined(RSEQ_SIG)

namespace {

// Begins and ends where no code is. The kernel looks for the signature before the place where it would go on after an abort, and
// finds the thread outside of the sequence. Never freed: a thread may be marked when this library is unloaded.
struct empty_sequence {
    rseq_cs place{};
    std::uint32_t nowhere[7]{};
    std::uint32_t signature = RSEQ_SIG;
    std::uint32_t after_abort[8]{};
};

std::uint64_t address_of(const void* p) noexcept { return reinterpret_cast<std::uintptr_t>(p); }

std::uint64_t make_mark() noexcept {
    auto* sequence = new (std::nothrow) empty_sequence;
    if (sequence == nullptr) return 0;
    sequence->place.start_ip = address_of(&sequence->nowhere);
    sequence->place.post_commit_offset = 1;
    sequence->place.abort_ip = address_of(&sequence->after_abort);
    the_running_mark.store(address_of(sequence), std::memory_order_relaxed);
    return address_of(sequence);
}

}  // namespace

const running_word* mark_running() noexcept {
    static const std::uint64_t mark = __rseq_size == 0 ? 0 : make_mark();
    if (mark == 0 || refused(syscall_kind::rseq)) return &never_running;
    auto* area = reinterpret_cast<rseq*>(static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset);
    static_assert(sizeof(area->rseq_cs) == sizeof(running_word));
    auto* word = reinterpret_cast<running_word*>(&area->rseq_cs);
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
    refuse(syscall_kind::rseq);  // so that each thread looks at the word of those that were never marked
    the_running_mark.store(never_running.load());
}
#endif

}  // namespace shmsem::os
