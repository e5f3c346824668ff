#include "os/thread_identity.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include "os/fork_page.hpp"

namespace shmsem::os {
namespace {

struct process_page {
    std::atomic<std::uint64_t> incarnation;
};

process_page& page() noexcept {
    // No guarded static, which a child forked while it is made would find closed for ever: who comes first publishes.
    static constinit std::atomic<process_page*> known{nullptr};
    static constinit process_page without_kernel_help{};
    process_page* seen = known.load(std::memory_order_acquire);
    if (seen != nullptr) [[likely]]
        return *seen;
    void* fresh = make_fork_page(sizeof(process_page));
    auto* mine = fresh != nullptr ? static_cast<process_page*>(fresh) : &without_kernel_help;
    if (known.compare_exchange_strong(seen, mine)) return *mine;
    free_fork_page(fresh, sizeof(process_page));
    return *seen;
}

constexpr long usual_futex_offset = -32;  // of the C library on 64-bit machines

std::atomic<std::uint64_t> last_incarnation{0};  // inherited by a child, so that it goes on counting

}  // namespace

std::uint64_t process_incarnation() noexcept {
    auto& word = page().incarnation;
    std::uint64_t mine = word.load(std::memory_order_relaxed);
    if (mine != 0) [[likely]]
        return mine;
    const std::uint64_t next = last_incarnation.fetch_add(1, std::memory_order_relaxed) + 1;
    return word.compare_exchange_strong(mine, next, std::memory_order_relaxed) ? next : mine;
}

thread_identity& thread_identity::current() noexcept {
    thread_local thread_identity mine;
    if (mine.incarnation_ != process_incarnation()) [[unlikely]]
        mine.refresh();
    return mine;
}

void thread_identity::refresh() noexcept {
    incarnation_ = process_incarnation();
    tid_ = static_cast<std::uint32_t>(::syscall(SYS_gettid));
    head_ = nullptr;
    robust_list_head* head = nullptr;
    std::size_t size = 0;
    if (refused(syscall_kind::robust_list) || ::syscall(SYS_get_robust_list, 0, &head, &size) != 0) return;
    if (head == nullptr) {
        // A child of a raw clone(): the C library registered nothing for it, so no list of its own is lost.
        thread_local robust_list_head own;
        own.list.next = &own.list;
        own.futex_offset = usual_futex_offset;
        own.list_op_pending = nullptr;
        head = &own;
        if (::syscall(SYS_set_robust_list, head, sizeof own) != 0) return;
    }
    head_ = head;
}

bool thread_identity::enlist(futex_word& first, futex_word& second) noexcept {
    if (head_ == nullptr || head_->list.next != &head_->list) return false;
    robust_list* next = &head_->list;
    for (futex_word* word : {&second, &first}) {
        auto* node = reinterpret_cast<robust_list*>(reinterpret_cast<std::uintptr_t>(word) -
                                                    static_cast<std::uintptr_t>(head_->futex_offset));
        *const_cast<robust_list* volatile*>(&node->next) = next;
        next = node;
    }
    std::atomic_signal_fence(std::memory_order_seq_cst);
    *const_cast<robust_list* volatile*>(&head_->list.next) = next;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return true;
}

void thread_identity::delist() noexcept {
    if (head_ == nullptr) return;
    *const_cast<robust_list* volatile*>(&head_->list.next) = &head_->list;
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace shmsem::os
