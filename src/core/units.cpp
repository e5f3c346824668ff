#include "core/units.hpp"

#include "core/wait_queue.hpp"

namespace shmsem::core {

void hand_out_units(attachment& home, std::uint32_t index) noexcept {
    // Dispatching takes the lock, which takes an identity. Without one, somebody who has one is asked to do it.
    std::error_code ignored;
    os::kill_point("release.before_dispatch");
    if (const std::uint64_t identity = home.join(ignored)) {
        request_dispatch(home, index, identity);
        return;
    }
    home.view().semaphore(index).gate.fetch_or(layout::gate::dispatch_wanted, std::memory_order_seq_cst);
    for (layout::process_index p = 0; p < home.member().used(); ++p) home.member().poke(p);
}

}  // namespace shmsem::core
