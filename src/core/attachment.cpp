#include "core/attachment.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>

#include "core/keeper.hpp"
#include "core/waiter_signal.hpp"
#include "os/fork_page.hpp"

namespace shmsem::core {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr std::uint32_t shortest_usual_ttl = 100;  // ticks: below a second a background thread that is late would be felt

// A lock of this process that a forked child finds free.
class wiped_lock {
   public:
    explicit wiped_lock(std::atomic<std::uint32_t>& word) noexcept : word_(word) {
        while (word_.exchange(1, std::memory_order_acquire) != 0) ::sched_yield();
    }
    ~wiped_lock() { word_.store(0, std::memory_order_release); }
    wiped_lock(const wiped_lock&) = delete;
    wiped_lock& operator=(const wiped_lock&) = delete;

   private:
    std::atomic<std::uint32_t>& word_;
};

struct registry_page {
    std::atomic<std::uint32_t> busy;
};

struct live_attachment {
    attachment* object;
    std::weak_ptr<attachment> handles;
};

// All attachments of this process. Lives for ever: leases and the background threads may outlive static objects.
struct registry {
    os::wiped_on_fork<registry_page> page;
    std::vector<std::unique_ptr<attachment>> all;
    std::vector<attachment*> idle;  // detached, to be used again
    std::vector<live_attachment> live;
};

registry& the_registry();

#if SHMSEM_TESTING
void look_at_the_clock_again() {
    registry& r = the_registry();
    const wiped_lock lock(r.page->busy);
    for (const live_attachment& l : r.live) {
        l.object->member().renew_stamp();
        l.object->poke_keeper();
        l.object->wake_our_waiters();
    }
}
#endif

registry& the_registry() {
    static registry* r = [] {
        auto* fresh = new registry;
        // A child must not inherit the lists half-changed; its lock is wiped to free. (A raw clone() has to look after itself.)
        ::pthread_atfork(
            [] {
                while (the_registry().page->busy.exchange(1, std::memory_order_acquire) != 0) ::sched_yield();
            },
            [] { the_registry().page->busy.store(0, std::memory_order_release); }, nullptr);
#if SHMSEM_TESTING
        os::testing::on_clock_change(look_at_the_clock_again);
#endif
        (void)boost::this_thread::interruption_enabled();  // what Boost makes at first use it makes here, too
        return fresh;
    }();
    return *r;
}

// Before main(): a child that is forked while another thread makes it would find the static closed for ever.
[[maybe_unused]] const bool made_early = []() noexcept {
    try {
        (void)the_registry();
        return true;
    } catch (const std::bad_alloc&) {
        return false;  // attach() will say so
    }
}();

}  // namespace

attachment::attachment() : member_(mapping_.view, clock_) {}

void attachment::attach_to(layout::mapping&& m) {
    const std::uint32_t count = m.view.sizes().semaphores;
    if (count > info_count_) {
        auto larger = std::make_unique<semaphore_info[]>(count);
        for (std::uint32_t i = 0; i < count; ++i) {
            larger[i].home = this;
            larger[i].page = &member_.page();
            larger[i].index = i;
        }
        outgrown_.push_back(std::move(infos_));
        infos_ = std::move(larger);
        info_count_ = count;
    }
    name_ = m.name;
    id_ = m.id;
    clock_ = layout::tick_clock(os::instant{os::nanoseconds{m.epoch_ns}});
    shortest_ttl_.store(0, relaxed);
    mapping_ = std::move(m);
    const std::uint32_t not_now = clock_.at(os::now()).value - 1;
    for (std::uint32_t i = 0; i < info_count_; ++i) {
        infos_[i].generation.store(0, relaxed);
        infos_[i].swept_at.store(not_now, relaxed);
        infos_[i].clock = clock_;
        infos_[i].block = i < count ? &view().semaphore(i) : nullptr;
    }
}

attachment::~attachment() = default;

std::uint64_t attachment::join(std::error_code& ec) noexcept {
    if (const std::uint64_t mine = identity()) [[likely]]
        return mine;
    if (!writable()) {
        ec = errc::read_only;
        return 0;
    }
    const wiped_lock lock(member_.page().joining);
    if (const std::uint64_t mine = identity()) return mine;
    try {
        core::keeper* const inherited = keeper();
        auto fresh = std::make_unique<core::keeper>(*this, inherited);
        // Before it starts: as soon as it is a member, other threads of ours use it.
        keeper_.store(fresh.get(), std::memory_order_release);
        if ((ec = fresh->start())) {
            if (torn()) ec = errc::segment_truncated;
            keeper_.store(inherited, std::memory_order_release);
            return 0;
        }
        (void)fresh.release();  // until detach()
    } catch (const std::bad_alloc&) {
        ec = std::make_error_code(std::errc::not_enough_memory);
        return 0;
    }
    return identity();
}

bool attachment::ready(std::uint32_t index) noexcept {
    if (index >= view().sizes().semaphores) return false;
    const layout::semaphore_block& block = view().semaphore(index);
    // acquire: pairs with the store that made it ready; its description is complete.
    if (block.state.load(std::memory_order_acquire) != static_cast<std::uint32_t>(layout::directory_state::ready))
        return false;
    semaphore_info& info = infos_[index];
    const std::uint32_t generation = block.generation.load(std::memory_order_acquire);
    if (generation == 0) return false;
    if (info.generation.load(std::memory_order_acquire) == generation) return true;
    const wiped_lock lock(member_.page().reading_info);
    const std::uint32_t known = info.generation.load(relaxed);
    if (known == generation) return true;
    const kind what = block.kind.load(relaxed) == 0 ? kind::leased : kind::ownerless;
    const layout::slot_range range = layout::slots_of(view(), block);
    if (what == kind::leased && range.capacity == 0) return false;
    // Only ownerless semaphores are ever removed and made anew. Anything else is damage, and others may be reading what we know.
    if (known != 0 && (info.kind == kind::leased || what == kind::leased)) return false;
    info.max_count.store(block.max_count.load(relaxed), relaxed);
    info.max_waiters.store(block.max_waiters.load(relaxed), relaxed);
    if (known != 0) {  // one made anew: nothing else of it differs, and others may be reading the rest
        info.generation.store(generation, std::memory_order_release);
        return true;
    }
    info.kind = what;
    info.order = block.order.load(relaxed) == 0 ? order::fifo : order::throughput;
    info.renewal = block.renewal.load(relaxed) == 0 ? renewal::automatic : renewal::manual;
    info.ttl_ticks = block.ttl_ticks.load(relaxed);
    info.max_hold_ticks = block.max_hold_ticks.load(relaxed);
    const bool leased = what == kind::leased;
    info.range = leased ? range : layout::slot_range{};
    info.slots = leased ? &view().slot(range.first) : nullptr;
    info.hint_words = leased ? &view().hint(range.first_hint) : nullptr;
    const bool by_the_clock = info.renewal == renewal::manual || info.max_hold_ticks != 0 ||
                              (info.ttl_ticks != 0 && info.ttl_ticks < shortest_usual_ttl);
    info.usual_seats = by_the_clock ? 0 : info.range.capacity;
    info.closed_gate = layout::gate::paused | (info.order == order::fifo ? layout::gate::count_mask : layout::gate::strict);
    info.generation.store(generation, std::memory_order_release);
    return true;
}

void attachment::note_ttl(std::uint32_t ticks) noexcept {
    if (ticks == 0) return;
    std::uint32_t shortest = shortest_ttl_.load(relaxed);
    while (shortest == 0 || ticks < shortest) {
        if (shortest_ttl_.compare_exchange_weak(shortest, ticks)) {
            member_.renew_stamp();  // beats have been too rare until now: see take_usual()
            poke_keeper();
            return;
        }
    }
}

void attachment::poke_keeper() noexcept {
    if (const std::uint64_t mine = identity()) member_.poke(robust::index_in(mine));
}

std::uint32_t attachment::held_by(layout::process_index p) noexcept {
    std::uint32_t count = 0;
    for (std::uint32_t s = 0; s < view().sizes().permits; ++s) {
        const auto w = layout::slot_word::unpack(view().slot(s).word.load(std::memory_order_acquire));
        if (w.owned() && w.process == p) ++count;
    }
    return count;
}

void attachment::wake_our_waiters() noexcept {
    const std::uint64_t mine = identity();
    if (mine == 0) return;
    for (std::uint32_t n = 0; n < view().sizes().waiters; ++n) {
        layout::node& node = view().node(n);
        if (layout::node_word::unpack(node.word.load()).process != robust::index_in(mine)) continue;
        ring_again(node);
    }
}

void attachment::detach() noexcept {
    if (identity() != 0) {
        const std::unique_ptr<core::keeper> ours(keeper());
        ours->stop();
        keeper_.store(ours->inherited(), std::memory_order_release);
    }
    mapping_.guard = {};
    mapping_.region = {};
}

namespace {

// The last handle is gone. If leases are still held they keep the attachment, until a later look finds none; and the background
// thread, which may end the process from a callback, does not end itself.
void let_go(attachment* a) noexcept {
    registry& r = the_registry();
    {
        const wiped_lock lock(r.page->busy);
        const auto found = std::find_if(r.live.begin(), r.live.end(), [a](const auto& l) { return l.object == a; });
        if (found == r.live.end() || !found->handles.expired()) return;  // attach() has found a new use for it
        const std::uint64_t mine = a->identity();
        if (mine != 0 && (a->held_by(robust::index_in(mine)) != 0 || a->keeper()->runs_this())) return;
        r.live.erase(found);
    }
    a->detach();
    const wiped_lock lock(r.page->busy);
    r.idle.push_back(a);  // never fails: attach() made room
}

}  // namespace

namespace {

// What all handles of an attachment share.
struct handles_end {
    attachment* object = nullptr;
    handles_end() = default;
    ~handles_end() {
        if (object != nullptr) let_go(object);
    }
    handles_end(const handles_end&) = delete;
    handles_end& operator=(const handles_end&) = delete;
};

}  // namespace

std::shared_ptr<attachment> attach(layout::mapping&& m) {
    registry& r = the_registry();
    const auto end = std::make_shared<handles_end>();  // outside the lock, which letting go takes too
    const auto first_handle = [&end](attachment* a) {
        end->object = a;
        return std::shared_ptr<attachment>(end, a);
    };
    const wiped_lock lock(r.page->busy);
    for (live_attachment& l : r.live) {
        const layout::mapping& have = l.object->mapping();
        if (have.device != m.device || have.inode != m.inode || have.writable != m.writable || l.object->torn()) continue;
        if (auto found = l.handles.lock()) return found;
        auto again = first_handle(l.object);  // kept by leases alone until now
        l.handles = again;
        return again;
    }
    if (r.idle.empty()) {
        r.all.reserve(r.all.size() + 1);
        r.live.reserve(r.all.size() + 1);
        r.idle.reserve(r.all.size() + 1);
        r.all.push_back(std::make_unique<attachment>());
        r.idle.push_back(r.all.back().get());
    }
    attachment* a = r.idle.back();
    a->attach_to(std::move(m));  // should it throw, the object stays idle
    r.idle.pop_back();
    auto fresh = first_handle(a);
    r.live.push_back({a, fresh});
    return fresh;
}

}  // namespace shmsem::core
