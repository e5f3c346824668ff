#include "shmsem/ownerless.hpp"

#include <atomic>

#include "api/access.hpp"
#include "core/acquire.hpp"
#include "core/directory.hpp"
#include "core/snapshot.hpp"
#include "core/units.hpp"
#include "core/wait_queue.hpp"

namespace shmsem {
namespace {

using core::wait_result;

auto subject_of(const ownerless_semaphore& s) {
    return [&s] { return "semaphore '" + s.name() + "'"; };
}

wait_result take(const core::semaphore_info* info, deadline until, std::stop_token stop, std::error_code& ec) noexcept {
    ec.clear();
    if (info == nullptr || !info->home->writable()) {
        ec = info == nullptr ? errc::invalid_argument : errc::read_only;
        return wait_result::failed;
    }
    if (core::try_take_unit(*info)) return wait_result::granted;
    if (until <= os::now()) return wait_result::timed_out;
    const std::uint64_t identity = info->home->join(ec);
    if (identity == 0) return wait_result::failed;
    core::lease_record none;
    return core::wait_in_queue(*info->home, info->index, identity,
                               {.permits = 1, .what = {}, .until = until, .lock_until = until, .stop = std::move(stop)},
                               none, ec);
}

[[gnu::always_inline]] inline bool take_at_once(const core::semaphore_info* info) noexcept {
    return info != nullptr && info->home->writable() && core::try_take_unit(*info);
}

// Apart, so that the fast path makes no room for messages.
[[gnu::noinline, gnu::cold]] void acquire_slowly(ownerless_semaphore& s) {
    api::throwing(subject_of(s), [&](std::error_code& ec) { s.acquire(ec); });
}
[[gnu::noinline, gnu::cold]] bool try_acquire_slowly(ownerless_semaphore& s) {
    return api::throwing(subject_of(s), [&](std::error_code& ec) { return s.try_acquire(ec); });
}
[[gnu::noinline, gnu::cold]] void release_slowly(ownerless_semaphore& s, std::int64_t n) {
    api::throwing(subject_of(s), [&](std::error_code& ec) { s.release(n, ec); });
}

// Unnamed semaphores live together in one segment without a name, which forked children share.
struct unnamed_home {
    std::shared_ptr<core::attachment> home;
    std::error_code error;
    unnamed_home() {
        layout::mapping m = layout::create_anonymous_segment(
            {.processes = 1024, .semaphores = 4096, .permits = 1, .waiters = 4096, .tenants = 1}, error);
        if (!error) home = core::attach(std::move(m));
    }
};

// Never destroyed: static semaphores may be used and destroyed after us. Who comes first publishes; a child that is forked
// meanwhile would find a guarded static closed for ever.
unnamed_home& the_unnamed() {
    static constinit std::atomic<unnamed_home*> known{nullptr};
    unnamed_home* seen = known.load(std::memory_order_acquire);
    if (seen != nullptr) return *seen;
    auto mine = std::make_unique<unnamed_home>();
    return known.compare_exchange_strong(seen, mine.get()) ? *mine.release() : *seen;
}

}  // namespace

void ownerless_semaphore::acquire(std::error_code& ec) noexcept { (void)take(info_.get(), os::never, {}, ec); }

void ownerless_semaphore::acquire() {
    if (!take_at_once(info_.get())) [[unlikely]]
        acquire_slowly(*this);
}

void ownerless_semaphore::acquire(std::stop_token stop) {
    api::throwing(subject_of(*this), [&](std::error_code& ec) { acquire(std::move(stop), ec); });
}

void ownerless_semaphore::acquire(std::stop_token stop, std::error_code& ec) noexcept {
    if (take(info_.get(), os::never, std::move(stop), ec) == wait_result::cancelled) ec = errc::cancelled;
}

bool ownerless_semaphore::try_acquire(std::error_code& ec) noexcept {
    return take(info_.get(), {}, {}, ec) == wait_result::granted;
}

bool ownerless_semaphore::try_acquire() { return take_at_once(info_.get()) ? true : try_acquire_slowly(*this); }

bool ownerless_semaphore::try_acquire_until(deadline when, std::stop_token stop, std::error_code& ec) noexcept {
    return take(info_.get(), when, std::move(stop), ec) == wait_result::granted;
}

bool ownerless_semaphore::try_acquire_until(deadline when, std::stop_token stop) {
    return api::throwing(subject_of(*this),
                         [&](std::error_code& ec) { return try_acquire_until(when, std::move(stop), ec); });
}

bool ownerless_semaphore::try_acquire_for(duration timeout, std::stop_token stop) {
    return try_acquire_until(os::after(os::now(), timeout), std::move(stop));
}

bool ownerless_semaphore::try_acquire_for(duration timeout, std::stop_token stop, std::error_code& ec) noexcept {
    return try_acquire_until(os::after(os::now(), timeout), std::move(stop), ec);
}

void ownerless_semaphore::release(std::int64_t n, std::error_code& ec) noexcept {
    ec.clear();
    if (info_ == nullptr || n < 0) {
        ec = errc::invalid_argument;
    } else if (!info_->home->writable()) {
        ec = errc::read_only;
    } else if (n > 0) {
        if (!core::add_units(*info_, static_cast<std::uint64_t>(n))) ec = errc::overflow;
    }
}

void ownerless_semaphore::release(std::int64_t n) {
    const core::semaphore_info* info = info_.get();
    const bool done = n == 1 && info != nullptr && info->home->writable() && core::add_units(*info, 1);
    if (!done) [[unlikely]]
        release_slowly(*this, n);
}

std::int64_t ownerless_semaphore::value() const noexcept {
    return info_ ? layout::count_word::unpack(info_->block->count.load()).count : 0;
}

void ownerless_semaphore::pause(std::error_code& ec) noexcept { api::set_paused(info_.get(), true, ec); }
void ownerless_semaphore::pause() {
    api::throwing(subject_of(*this), [&](std::error_code& ec) { pause(ec); });
}
void ownerless_semaphore::resume(std::error_code& ec) noexcept { api::set_paused(info_.get(), false, ec); }
void ownerless_semaphore::resume() {
    api::throwing(subject_of(*this), [&](std::error_code& ec) { resume(ec); });
}
bool ownerless_semaphore::paused() const noexcept { return info_ && core::paused(*info_->block); }

std::string ownerless_semaphore::name() const { return info_ ? info_->block->name.load() : std::string{}; }
semaphore_stats ownerless_semaphore::stats() const {
    return info_ ? core::stats_of(*info_->home, info_->index) : semaphore_stats{};
}
semaphore_snapshot ownerless_semaphore::inspect() const {
    return info_ ? core::snapshot_of(*info_->home, info_->index) : semaphore_snapshot{};
}

namespace detail {

std::uint64_t this_process() noexcept { return os::process_incarnation(); }

ownerless_semaphore make_unnamed(std::int64_t initial, std::int64_t max) {
    const unnamed_home& unnamed = the_unnamed();
    if (unnamed.error) api::fail(unnamed.error, "unnamed semaphores");
    const std::string name = std::to_string(unnamed.home->view().header().unnamed_made.fetch_add(1) + 1);
    segment home = core::handle_access::make_segment(unnamed.home);
    return home.ownerless(name, {.initial = initial, .max = max});
}

void destroy_unnamed(ownerless_semaphore& semaphore, std::uint64_t maker) noexcept {
    if (maker != this_process() || !semaphore) return;
    const core::semaphore_info& info = core::handle_access::info(semaphore);
    core::remove_semaphore(*info.home, info.index, core::handle_access::generation(semaphore));
}

}  // namespace detail
}  // namespace shmsem
