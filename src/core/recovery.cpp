#include "core/events.hpp"
#include "core/wait_queue.hpp"
#include "core/waiter_signal.hpp"

#include "os/testing.hpp"

// What the next owner of a lock does when the last one died inside: words are the truth, everything else is made from them.

namespace shmsem::core {

using layout::node_state;
using layout::node_word;
using layout::slot_state;
using layout::slot_word;

namespace {
constexpr auto relaxed = std::memory_order_relaxed;
}

void wait_queue::recover() noexcept {
    block_.recoveries.fetch_add(1, relaxed);
    record(home_, {.kind = event_kind::recovered, .semaphore = index_, .when = os::now()});
    // Before rebuild(), which frees abandoned nodes: one of them may be where a unit was going.
    if (info_.kind == kind::ownerless) settle_count();
    rebuild();
    if (info_.kind == kind::leased) {
        reset_hints();
        conform();
        settle_slots();
    }
    wake_all_served();
    dispatch();
}

void wait_queue::wake_all_served() noexcept {
    for (std::uint32_t n = 0; n < view_.sizes().waiters; ++n) {
        layout::node& node = view_.node(n);
        const auto state = node_word::unpack(node.word.load()).state;
        if ((state == node_state::granted || state == node_state::refused) && node.semaphore.load(relaxed) == index_) {
            ring_again(node);
        }
    }
}

// Granted slots: each names its node. A waiting node that has all it wants is marked granted; what was granted to a node that
// does not have all, or does not wait any more, is opened again.
void wait_queue::settle_slots() noexcept {
    for (std::uint32_t i = 0; i < info_.range.capacity; ++i) {
        layout::slot& slot = view_.slot(info_.range.first + i);
        const slot_word w = slot_word::unpack(slot.word.load());
        if (!w.granted()) continue;
        const std::uint32_t n = slot.granted_to.load(relaxed);
        if (!view_.has_node(n)) {
            std::uint64_t bits = w.pack();
            slot.word.compare_exchange_strong(bits, w.ended().pack());
            continue;
        }
        layout::node& node = view_.node(n);
        const node_word word = node_word::unpack(node.word.load());
        const bool here = node.semaphore.load(relaxed) == index_ && word.process == w.process;
        if (here && word.state == node_state::granted) continue;  // its waiter takes it over
        if (!here || word.state != node_state::waiting) {
            take_back(n, w.process);
            continue;
        }
        std::uint32_t got = 0;
        for (std::uint32_t k = 0; k < info_.range.capacity; ++k) {
            const layout::slot& other = view_.slot(info_.range.first + k);
            const slot_word o = slot_word::unpack(other.word.load());
            if (o.granted() && o.process == w.process && other.granted_to.load(relaxed) == n) ++got;
        }
        node.first_slot.store(info_.range.first + i, relaxed);
        if (got != node.permits.load(relaxed) || !mark_granted(n, word, os::now())) take_back(n, w.process);
    }
}

//                                      dies after      a survivor's recover() does
//   1 permits = new number  COMMIT     resize.stored   conform() again
//   2 slots, one by one                resize.slot     the same
void wait_queue::resize(std::uint32_t permits) noexcept {
    block_.permits.store(permits, std::memory_order_seq_cst);
    os::kill_point("resize.stored");
    conform();
    dispatch();
}

void wait_queue::conform() noexcept {
    const std::uint32_t permits = permits_in(info_);
    for (std::uint32_t i = 0; i < info_.range.capacity; ++i) {
        layout::slot& slot = view_.slot(info_.range.first + i);
        std::uint64_t bits = slot.word.load();
        for (;;) {
            slot_word w = slot_word::unpack(bits);
            const bool wanted = i < permits;
            if (w.owned()) {
                w = w.retire(!wanted);
            } else {
                w.state = wanted ? slot_state::open : slot_state::closed;
            }
            if (w.pack() == bits || slot.word.compare_exchange_strong(bits, w.pack())) break;
        }
        if (i < permits) hints_.set(info_.range.first + i);
        os::kill_point("resize.slot");
    }
}

}  // namespace shmsem::core
