#include "os/mapping_guard.hpp"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <climits>
#include <cstdint>
#include <cstring>

namespace shmsem::os {
namespace {

// Read by a signal handler, and in a forked child as they were: fixed memory, no lock.
constexpr std::uint32_t whole = 0;
constexpr std::uint32_t being_replaced = 1;
constexpr std::uint32_t replaced = 2;

struct guarded {
    std::atomic<std::uintptr_t> base{0};  // 0: free; 1: being filled in
    std::atomic<std::size_t> bytes{0};
    std::atomic<bool> writable{false};
    futex_word torn{whole};
};
constinit std::array<guarded, 256> all{};  // a process that maps more segments than this has the others unprotected

// From here to on_sigbus(): only what a signal handler may call.

guarded* find(std::uintptr_t address) noexcept {
    for (guarded& one : all) {
        // acquire: pairs with the store of the base that comes last in mapping_guard().
        const std::uintptr_t base = one.base.load(std::memory_order_acquire);
        if (base > 1 && address >= base && address - base < one.bytes.load(std::memory_order_relaxed)) return &one;
    }
    return nullptr;
}

// By one thread; others that fault meanwhile wait for it. (Not for ever: it is not there in a child that was forked meanwhile.)
// mremap() puts the whole in place at once, so another thread finds the old memory or the new.
bool replace(guarded& mapping) noexcept {
    std::uint32_t state = whole;
    if (!mapping.torn.compare_exchange_strong(state, being_replaced)) {
        for (int patience = 100'000; patience > 0 && mapping.torn.load() == being_replaced; --patience) ::sched_yield();
        if (mapping.torn.load() == replaced) return true;
    }
    const std::size_t bytes = mapping.bytes.load(std::memory_order_relaxed);
    void* const fresh = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED) return false;
    std::memset(fresh, 0xff, bytes);
    if (!mapping.writable.load(std::memory_order_relaxed)) ::mprotect(fresh, bytes, PROT_READ);
    void* const old = reinterpret_cast<void*>(mapping.base.load(std::memory_order_relaxed));
    if (::mremap(fresh, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, old) != old) return false;
    mapping.torn.store(replaced);
    futex_wake(mapping.torn, INT_MAX);
    return true;
}

void on_sigbus(int signal, siginfo_t* info, void*) noexcept {
    const int error = errno;
    const bool fault = info->si_code == BUS_ADRERR;
    guarded* const mapping = fault ? find(reinterpret_cast<std::uintptr_t>(info->si_addr)) : nullptr;
    if (mapping == nullptr || !replace(*mapping)) {
        struct sigaction usual {};
        usual.sa_handler = SIG_DFL;
        ::sigaction(signal, &usual, nullptr);
        if (!fault) ::raise(signal);  // a fault comes again by itself
    }
    errno = error;
}

void handle_sigbus() noexcept {
    struct sigaction now {};
    if (::sigaction(SIGBUS, nullptr, &now) != 0 || (now.sa_flags & SA_SIGINFO) != 0 || now.sa_handler != SIG_DFL) return;
    struct sigaction ours {};
    ours.sa_sigaction = on_sigbus;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    ::sigaction(SIGBUS, &ours, nullptr);
}

}  // namespace

mapping_guard::mapping_guard(void* base, std::size_t bytes, bool writable) noexcept {
    handle_sigbus();
    for (std::size_t i = 0; i < all.size(); ++i) {
        guarded& one = all[i];
        std::uintptr_t free = 0;
        if (one.base.load(std::memory_order_relaxed) != 0 || !one.base.compare_exchange_strong(free, 1)) continue;
        one.bytes.store(bytes, std::memory_order_relaxed);
        one.writable.store(writable, std::memory_order_relaxed);
        one.torn.store(whole, std::memory_order_relaxed);
        // release: pairs with the acquire in find().
        one.base.store(reinterpret_cast<std::uintptr_t>(base), std::memory_order_release);
        entry_.store(static_cast<int>(i));
        return;
    }
}

void mapping_guard::let_go() noexcept {
    const int mine = entry_.exchange(none);
    if (mine != none) all[static_cast<std::size_t>(mine)].base.store(0, std::memory_order_release);
}

bool mapping_guard::torn() const noexcept {
    const futex_word* const word = torn_word();
    return word != nullptr && word->load(std::memory_order_acquire) != whole;
}

futex_word* mapping_guard::torn_word() const noexcept {
    const int mine = entry_.load(std::memory_order_relaxed);
    return mine == none ? nullptr : &all[static_cast<std::size_t>(mine)].torn;
}

}  // namespace shmsem::os
