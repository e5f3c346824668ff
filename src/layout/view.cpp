#include "layout/view.hpp"

#include <bit>

namespace shmsem::layout {

geometry geometry::of(const limits& sizes) noexcept {
    geometry g;
    g.sizes = sizes;
    std::size_t end = sizeof(layout::header);
    const auto table = [&end](std::size_t count, std::size_t size) {
        const std::size_t start = end;
        end = (end + count * size + 63) / 64 * 64;
        return start;
    };
    g.processes = table(sizes.processes, sizeof(process_entry));
    g.semaphores = table(sizes.semaphores, sizeof(semaphore_block));
    g.hint_words = sizes.permits / 64 + sizes.semaphores;  // each semaphore starts a word of its own
    g.hints = table(g.hint_words, sizeof(word64));
    g.slots = table(sizes.permits, sizeof(layout::slot));
    g.nodes = table(sizes.waiters, sizeof(layout::node));
    g.tenants = table(sizes.tenants, sizeof(layout::tenant));
    g.events = table(events_kept, sizeof(layout::event));
    g.total = (end + 4095) / 4096 * 4096;
    return g;
}

bool valid(const limits& sizes) noexcept {
    const auto within = [](std::uint32_t n, std::uint32_t max) { return n >= 1 && n <= max; };
    return within(sizes.processes, max_processes) && within(sizes.semaphores, 65536) && within(sizes.permits, 1U << 20) &&
           within(sizes.waiters, 1U << 20) && within(sizes.tenants, 4096);
}

std::uint64_t abi_fingerprint() noexcept {
    std::uint64_t h = 1469598103934665603ULL;  // FNV-1a
    const auto mix = [&h](std::uint64_t v) { h = (h ^ v) * 1099511628211ULL; };
    mix(sizeof(void*));
    mix(sizeof(long));
    mix(std::endian::native == std::endian::little ? 1 : 2);
    mix(sizeof(layout::header));
    mix(sizeof(process_entry));
    mix(sizeof(semaphore_block));
    mix(sizeof(layout::slot));
    mix(sizeof(layout::node));
    mix(sizeof(layout::tenant));
    mix(sizeof(layout::event));
#if defined(__x86_64__)
    mix(0x86'64);
#elif defined(__aarch64__)
    mix(0xaa'64);
#endif
    return h;
}

slot_range slots_of(const view& v, const semaphore_block& block) noexcept {
    const slot_range r{.first = block.first_slot.load(std::memory_order_relaxed),
                       .capacity = block.capacity.load(std::memory_order_relaxed),
                       .first_hint = block.first_hint.load(std::memory_order_relaxed)};
    const auto& g = v.places();
    if (r.capacity > g.sizes.permits || r.first > g.sizes.permits - r.capacity) return {};
    if (r.hint_words() > g.hint_words || r.first_hint > g.hint_words - r.hint_words()) return {};
    return r;
}

}  // namespace shmsem::layout
