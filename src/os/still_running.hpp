#pragma once

#include <atomic>
#include <cstdint>

namespace shmsem::os {

/// A thread's own word in which a mark stays for as long as the thread keeps its processor: the kernel clears it when the thread is
/// preempted, sleeps, or handles a signal. So what a marked thread knew of the time at the mark is out of date by no more than it
/// has computed since (and a virtual machine was held up). A kernel that does not clear it when a thread sleeps is found out by trial,
/// and counts as one without.
///
/// The word is the `rseq_cs` of restartable sequences, which the C library registers for each thread (glibc 2.35, Linux 4.18); the
/// mark is the address of a sequence of which no instruction is ever executed, and which therefore only ever gets cleared. Other
/// users of restartable sequences overwrite the mark, which is as good as clearing it.
using running_word = std::atomic<std::uint64_t>;

/// Marks this thread. Where there are no restartable sequences, nothing: still_running() is false then. @return the thread's word
const running_word* mark_running() noexcept;

extern constinit running_word the_running_mark;
inline bool still_running(const running_word* mine) noexcept {
    return mine->load(std::memory_order_relaxed) == the_running_mark.load(std::memory_order_relaxed);
}
/// Of a thread that was never marked.
extern constinit running_word never_running;

}  // namespace shmsem::os
