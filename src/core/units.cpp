#include "core/acquire.hpp"
#include "core/wait_queue.hpp"

// The ownerless kind: a count instead of slots, the same gate and queue.

namespace shmsem::core {

using layout::count_word;

bool try_take_unit(attachment& home, std::uint32_t index) noexcept {
    layout::semaphore_block& block = home.view().semaphore(index);
    if ((block.gate.load(std::memory_order_seq_cst) & layout::gate::count_mask) != 0) return false;
    std::uint64_t seen = block.count.load(std::memory_order_relaxed);
    for (;;) {
        const count_word now = count_word::unpack(seen);
        if (now.count == 0) return false;
        // acquire: pairs with add_units(); what the poster wrote before posting is visible to us.
        if (block.count.compare_exchange_weak(seen, now.minus_one().pack(), std::memory_order_seq_cst, std::memory_order_relaxed)) {
            return true;
        }
    }
}

bool add_units(attachment& home, std::uint32_t index, std::uint64_t n, std::error_code& ec) noexcept {
    layout::semaphore_block& block = home.view().semaphore(index);
    const std::uint32_t max = std::min(home.info(index).max_count, count_word::max_count);
    std::uint64_t seen = block.count.load(std::memory_order_relaxed);
    for (;;) {
        const count_word now = count_word::unpack(seen);
        if (n > max || now.count > max - n) {
            ec = errc::overflow;
            return false;
        }
        // seq_cst: before the look at the gate; see wait_queue::enqueue().
        if (block.count.compare_exchange_weak(seen, now.with(now.count + static_cast<std::uint32_t>(n)).pack(),
                                              std::memory_order_seq_cst, std::memory_order_relaxed)) {
            break;
        }
    }
    if ((block.gate.load(std::memory_order_seq_cst) & layout::gate::count_mask) == 0) return true;
    // Dispatching takes the lock, which takes an identity. Without one, somebody who has one is asked to do it.
    std::error_code ignored;
    if (const std::uint64_t identity = home.join(ignored)) {
        request_dispatch(home, index, identity);
    } else {
        block.gate.fetch_or(layout::gate::dispatch_wanted, std::memory_order_seq_cst);
        for (layout::process_index p = 0; p < home.member().used(); ++p) home.member().poke(p);
    }
    return true;
}

}  // namespace shmsem::core
