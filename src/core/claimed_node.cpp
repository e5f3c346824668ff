#include "core/claimed_node.hpp"

#include "core/waiter_signal.hpp"
#include "os/testing.hpp"

namespace shmsem::core {

using layout::node_state;
using layout::node_word;

namespace {
constexpr auto relaxed = std::memory_order_relaxed;

// Where to look first; any value is right. The node that this thread had last is the likeliest to be free, and warm.
thread_local constinit std::uint32_t usual_node [[gnu::tls_model("initial-exec")]] = layout::none;
constinit std::atomic<std::uint32_t> next_node{0};
}  // namespace

claimed_node::claimed_node(attachment& home, layout::process_index me) noexcept : home_(home) {
    const std::uint32_t count = home.view().sizes().waiters;
    if (usual_node < count && claim(usual_node, me)) return;
    const std::uint32_t start = next_node.load(relaxed);
    for (std::uint32_t k = 0; k < count; ++k) {
        const std::uint32_t n = (start + k) % count;
        if (!claim(n, me)) continue;
        next_node.store(n + 1, relaxed);
        usual_node = n;
        return;
    }
}

bool claimed_node::claim(std::uint32_t n, layout::process_index me) noexcept {
    layout::node& node = home_.view().node(n);
    std::uint64_t bits = node.word.load(relaxed);
    const node_word seen = node_word::unpack(bits);
    if (seen.state != node_state::free) return false;
    const node_word mine{.state = node_state::claimed, .process = me, .seq = seen.seq + 1};
    if (!node.word.compare_exchange_strong(bits, mine.pack(), std::memory_order_seq_cst)) return false;
    node.signal.fetch_add(one_ring, std::memory_order_seq_cst);  // see wait::say_awake()
    index_ = n;
    word_ = node_word::unpack(mine.pack());
    os::kill_point("wait.node_claimed");
    return true;
}

claimed_node::~claimed_node() {
    if (index_ == layout::none) return;
    // In whichever of the states that are ours to end; if a lock owner has ended it already, it is another's now.
    layout::word64& word = node().word;
    for (const node_state s : {node_state::granted, node_state::claimed, node_state::refused}) {
        std::uint64_t bits = word_.as(s).pack();
        if (word.compare_exchange_strong(bits, word_.as(node_state::free).pack(), std::memory_order_seq_cst)) return;
    }
}

bool claimed_node::abandon() noexcept {
    std::uint64_t bits = word_.as(node_state::waiting).pack();
    return node().word.compare_exchange_strong(bits, word_.as(node_state::abandoned).pack(), std::memory_order_seq_cst);
}

}  // namespace shmsem::core
