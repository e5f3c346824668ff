#include "shmsem/semaphore.hpp"

#include "api/access.hpp"
#include "core/acquire.hpp"
#include "core/directory.hpp"
#include "core/events.hpp"
#include "core/fast_path.hpp"
#include "core/leases.hpp"
#include "core/reaper.hpp"
#include "core/snapshot.hpp"

namespace shmsem {
namespace {

using core::attachment;
using core::fast_result;
using core::lease_access;
using core::lease_record;
using core::semaphore_info;
using core::wait_result;

constexpr auto relaxed = std::memory_order_relaxed;
constexpr duration brief{10'000'000};    // how long a call that must not wait may stand before the queue's lock
constexpr std::uint32_t few_slots = 64;  // so many are looked through each time; more, once a tick

// True when the options say something that the fast path has to look up or check.
bool unusual(const acquire_options& o) noexcept {
    return o.permits != 1 || o.ttl != duration::zero() || !o.tenant.empty() || !o.label.empty();
}

enum class patience : std::uint8_t { none, bounded, endless };

// How long a call may stand before a lock, which is held for microseconds unless its owner is stopped.
os::instant lock_deadline(patience how, deadline until) noexcept {
    if (how == patience::endless) return until;
    const os::instant now = os::now();
    return how == patience::none || until <= now ? now + brief : until;
}

// @return wait_result::granted when all is well
wait_result prepare(const semaphore_info& info, const acquire_options& o, patience how, deadline until,
                    core::description& what, std::error_code& ec) noexcept {
    attachment& home = *info.home;
    layout::semaphore_block& block = *info.block;
    if (o.permits < 1 || o.permits > core::permits_in(info) || o.ttl < duration::zero() ||
        (o.ttl > max_ttl && o.ttl != forever)) {
        ec = errc::invalid_argument;
        return wait_result::failed;
    }
    if (o.tenant.size() > max_name_length) {
        ec = errc::invalid_name;
        return wait_result::failed;
    }
    if (o.ttl != duration::zero()) {
        const std::uint32_t ttl = o.ttl == forever ? 0 : layout::ticks_of(o.ttl);
        what.ttl_ticks = layout::shorter_of(ttl, info.max_hold_ticks);
        home.note_ttl(what.ttl_ticks);
        std::uint32_t shortest = block.shortest_ttl.load(relaxed);
        while (what.ttl_ticks != 0 && (shortest == 0 || what.ttl_ticks < shortest)) {
            if (!block.shortest_ttl.compare_exchange_weak(shortest, what.ttl_ticks)) continue;
            // Those who wait have planned by the older one. This happens once for each new shortest.
            for (layout::process_index p = 0; p < home.member().used(); ++p) home.member().poke(p);
            break;
        }
    }
    what.label = o.label.substr(0, max_label_length);
    if (o.tenant.empty()) return wait_result::granted;
    what.tenant = core::tenant_id(home, o.tenant, {lock_deadline(how, until), o.stop}, ec);
    if (ec != errc::timed_out) return ec ? wait_result::failed : wait_result::granted;
    ec.clear();
    return o.stop.stop_requested() ? wait_result::cancelled : wait_result::timed_out;
}

// What expired or died may stand in the way of a caller who will not wait.
core::swept sweep_if_worthwhile(const semaphore_info& info, std::uint64_t identity) noexcept {
    auto& swept_at = info.home->swept_at(info.index);
    const os::instant now = os::now();
    const std::uint32_t tick = info.clock.at(now).value;
    if (info.range.capacity > few_slots && swept_at.exchange(tick, relaxed) == tick) return {};
    return core::sweep(*info.home, info.index, identity, now);
}

// For messages: made only when something went wrong.
auto subject_of(const semaphore& s) {
    return [&s] { return "semaphore '" + s.name() + "'"; };
}

// What `make` makes is made where it is wanted: inside an optional, too, nothing is moved.
template <class Make>
struct in_place {
    Make make;
    explicit in_place(Make m) : make(std::move(m)) {}
    operator std::invoke_result_t<Make>() const { return make(); }
};

[[gnu::always_inline]] inline std::optional<lease> kept(const core::lease_terms& terms, const core::permit& got) {
    return std::optional<lease>(std::in_place, in_place([&] { return lease_access::make(terms, got.word, got.token); }));
}

// The second choice, after take_again(). @param undo  a word that it left, or 0
[[gnu::always_inline]] inline bool second_choice(const semaphore_info* info, std::uint64_t undo, core::permit& got) {
    if (undo != 0) core::undo_take(*info, core::the_habits.terms.seat, undo, false);
    return info != nullptr && core::take_usual(*info, core::the_habits, got);
}

// Apart, so that the fast path makes no room for options.
[[gnu::noinline]] lease acquire_slowly(semaphore& s, const semaphore_info* info, std::uint64_t undo) {
    core::permit got;
    if (second_choice(info, undo, got))
        return lease_access::make(core::usual_terms(*info, core::the_habits, got.seat), got.word, got.token);
    return s.acquire(acquire_options{});
}
[[gnu::noinline]] std::optional<lease> try_acquire_slowly(semaphore& s, const semaphore_info* info, std::uint64_t undo) {
    core::permit got;
    if (second_choice(info, undo, got)) return kept(core::usual_terms(*info, core::the_habits, got.seat), got);
    return s.try_acquire(acquire_options{});
}

// When the first try has not taken a permit.
[[gnu::noinline]] wait_result take_slowly(const semaphore_info& info, std::uint64_t identity, const acquire_options& options,
                                          patience how, deadline until, fast_result fast, const core::description& what,
                                          lease_record& record, std::error_code& ec) noexcept {
    if (how == patience::bounded && until <= os::now()) how = patience::none;
    const bool will_wait = how != patience::none;
    if (!will_wait && fast != fast_result::must_queue) {
        if (fast == fast_result::gate_closed) return wait_result::timed_out;
        // Somebody else may have swept since our first try, so what is open counts as well.
        os::kill_point("try.before_sweep");
        const core::swept found = sweep_if_worthwhile(info, identity);
        if (found.taken_back + found.found_open == 0) return wait_result::timed_out;
    }
    const core::wait_request request{.permits = static_cast<std::uint32_t>(options.permits),
                                     .what = what,
                                     .until = will_wait ? until : os::instant{},
                                     .lock_until = lock_deadline(how, until),
                                     .stop = options.stop};
    for (;;) {
        const wait_result outcome = core::wait_in_queue(*info.home, info.index, identity, request, record, ec);
        if (outcome != wait_result::timed_out || (will_wait && os::now() >= until)) return outcome;
        if (!will_wait && !(options.permits > 1 && sweep_if_worthwhile(info, identity).taken_back > 0)) return outcome;
    }
}

// Fills `record`, which is empty. @return with `failed`, ec says why
wait_result take(const semaphore_info* handle, const acquire_options& options, patience how, deadline until,
                 lease_record& record, std::error_code& ec) noexcept {
    if (handle == nullptr) {
        ec = errc::invalid_argument;
        return wait_result::failed;
    }
    const semaphore_info& info = *handle;
    const std::uint64_t identity = info.home->join(ec);
    if (identity == 0) return wait_result::failed;
    core::description what{.ttl_ticks = info.ttl_ticks, .tenant = 0, .label = {}};
    if (unusual(options)) [[unlikely]] {
        const wait_result prepared = prepare(info, options, how, until, what, ec);
        if (prepared != wait_result::granted) return prepared;
    }
    fast_result fast = fast_result::must_queue;
    if (options.permits == 1) {
        fast = core::try_fast(info, identity, what, record);
        if (fast == fast_result::taken) return wait_result::granted;
    } else if (!core::may_enter(info)) {
        fast = fast_result::gate_closed;
    }
    return take_slowly(info, identity, options, how, until, fast, what, record, ec);
}

}  // namespace

void api::set_paused(const semaphore_info* info, bool pause, std::error_code& ec) noexcept {
    ec.clear();
    if (info == nullptr) {
        ec = errc::invalid_argument;
        return;
    }
    const std::uint64_t identity = info->home->join(ec);
    if (identity == 0) return;
    core::set_paused(*info->home, info->index, identity, pause);
    if (info->home->torn()) ec = errc::segment_truncated;
}

lease semaphore::acquire() {
    core::permit got;
    const semaphore_info* info = info_.get();
    if (info != nullptr && core::take_again(*info, core::the_habits, got)) [[likely]]
        return lease_access::make(core::the_habits.terms, got.word, got.token);
    return acquire_slowly(*this, info, got.word);
}

std::optional<lease> semaphore::try_acquire() {
    core::permit got;
    const semaphore_info* info = info_.get();
    if (info != nullptr && core::take_again(*info, core::the_habits, got)) [[likely]]
        return kept(core::the_habits.terms, got);
    return try_acquire_slowly(*this, info, got.word);
}

lease semaphore::acquire(const acquire_options& options, std::error_code& ec) noexcept {
    lease result;
    ec.clear();
    const auto outcome = take(info_.get(), options, patience::endless, os::never, lease_access::record(result), ec);
    if (outcome == wait_result::cancelled) ec = errc::cancelled;
    return result;
}

lease semaphore::acquire(const acquire_options& options) {
    lease result;
    std::error_code ec;
    const auto outcome = take(info_.get(), options, patience::endless, os::never, lease_access::record(result), ec);
    if (outcome == wait_result::granted) [[likely]]
        return result;
    api::fail(outcome == wait_result::cancelled ? make_error_code(errc::cancelled) : ec, subject_of(*this)());
}

std::optional<lease> semaphore::try_acquire(const acquire_options& options, std::error_code& ec) noexcept {
    std::optional<lease> result(std::in_place);
    ec.clear();
    if (take(info_.get(), options, patience::none, {}, lease_access::record(*result), ec) != wait_result::granted)
        result.reset();
    return result;
}

std::optional<lease> semaphore::try_acquire(const acquire_options& options) {
    return api::throwing(subject_of(*this), [&](std::error_code& ec) { return try_acquire(options, ec); });
}

std::optional<lease> semaphore::try_acquire_until(deadline when, const acquire_options& options,
                                                  std::error_code& ec) noexcept {
    std::optional<lease> result(std::in_place);
    ec.clear();
    if (take(info_.get(), options, patience::bounded, when, lease_access::record(*result), ec) != wait_result::granted)
        result.reset();
    return result;
}

std::optional<lease> semaphore::try_acquire_until(deadline when, const acquire_options& options) {
    return api::throwing(subject_of(*this), [&](std::error_code& ec) { return try_acquire_until(when, options, ec); });
}

std::optional<lease> semaphore::try_acquire_for(duration timeout, const acquire_options& options,
                                                std::error_code& ec) noexcept {
    return try_acquire_until(os::after(os::now(), timeout), options, ec);
}

std::optional<lease> semaphore::try_acquire_for(duration timeout, const acquire_options& options) {
    return try_acquire_until(os::after(os::now(), timeout), options);
}

lease semaphore::adopt(const detached_lease& detached, std::error_code& ec) noexcept {
    ec.clear();
    if (info_ == nullptr || detached.segment_id != info_->home->id() || detached.semaphore != info_->index) {
        ec = errc::invalid_argument;
        return {};
    }
    const std::uint64_t identity = info_->home->join(ec);
    if (identity == 0) return {};
    lease result;
    if (!core::adopt(*info_, identity, detached.seat, detached.word, detached.permits, detached.token,
                     lease_access::record(result))) {
        lease_access::record(result).of = nullptr;
        ec = errc::lease_lost;
    }
    return result;
}

lease semaphore::adopt(const detached_lease& detached) {
    return api::throwing(subject_of(*this), [&](std::error_code& ec) { return adopt(detached, ec); });
}

void semaphore::resize(std::int64_t permits, std::error_code& ec) noexcept {
    ec.clear();
    if (info_ == nullptr || permits < 1) {
        ec = errc::invalid_argument;
        return;
    }
    if (permits > info_->range.capacity) {
        ec = errc::too_many_permits;
        return;
    }
    const std::uint64_t identity = info_->home->join(ec);
    if (identity == 0) return;
    const bool done = core::under_lock(*info_->home, info_->index, identity, os::after(os::now(), std::chrono::seconds{10}),
                                       [&](core::wait_queue& queue) { queue.resize(static_cast<std::uint32_t>(permits)); });
    if (!done) {
        ec = info_->home->cause(errc::timed_out);
        return;
    }
    core::record(*info_->home, {.kind = event_kind::resized,
                                .semaphore = info_->index,
                                .permits = static_cast<std::uint32_t>(permits),
                                .process = robust::index_in(identity),
                                .when = os::now()});
}

void semaphore::resize(std::int64_t permits) {
    api::throwing(subject_of(*this), [&](std::error_code& ec) { resize(permits, ec); });
}

std::uint32_t semaphore::reap(std::error_code& ec) noexcept {
    ec.clear();
    if (info_ == nullptr) {
        ec = errc::invalid_argument;
        return 0;
    }
    const std::uint64_t identity = info_->home->join(ec);
    if (identity == 0) return 0;
    const std::uint32_t taken = core::sweep(*info_->home, info_->index, identity, os::now()).taken_back;
    core::request_dispatch(*info_->home, info_->index, identity);
    if (info_->home->torn()) ec = errc::segment_truncated;
    return taken;
}

std::uint32_t semaphore::reap() {
    return api::throwing(subject_of(*this), [&](std::error_code& ec) { return reap(ec); });
}

bool semaphore::end(std::uint32_t seat, std::uint64_t token, std::error_code& ec) noexcept {
    ec.clear();
    if (info_ == nullptr || seat >= info_->range.capacity) {
        ec = errc::invalid_argument;
        return false;
    }
    const std::uint64_t identity = info_->home->join(ec);
    if (identity == 0) return false;
    const bool ended = core::end_lease(*info_, identity, seat, token);
    if (info_->home->torn()) ec = errc::segment_truncated;
    return ended && !ec;
}

bool semaphore::end(std::uint32_t seat, std::uint64_t token) {
    return api::throwing(subject_of(*this), [&](std::error_code& ec) { return end(seat, token, ec); });
}

void semaphore::pause(std::error_code& ec) noexcept { api::set_paused(info_.get(), true, ec); }
void semaphore::pause() {
    api::throwing(subject_of(*this), [&](std::error_code& ec) { pause(ec); });
}
void semaphore::resume(std::error_code& ec) noexcept { api::set_paused(info_.get(), false, ec); }
void semaphore::resume() {
    api::throwing(subject_of(*this), [&](std::error_code& ec) { resume(ec); });
}
bool semaphore::paused() const noexcept { return info_ && core::paused(*info_->block); }

semaphore_stats semaphore::stats() const { return info_ ? core::stats_of(*info_->home, info_->index) : semaphore_stats{}; }
semaphore_snapshot semaphore::inspect() const {
    return info_ ? core::snapshot_of(*info_->home, info_->index) : semaphore_snapshot{};
}
std::string semaphore::name() const { return info_ ? info_->block->name.load() : std::string{}; }

std::uint32_t semaphore::permits() const noexcept { return info_ ? core::permits_in(*info_) : 0; }

std::uint32_t semaphore::available() const noexcept {
    if (!info_) return 0;
    std::uint32_t open = 0;
    for (std::uint32_t i = 0; i < info_->range.capacity; ++i) {
        const auto w = layout::slot_word::unpack(info_->slots[i].word.load(relaxed));
        if (w.state == layout::slot_state::open) ++open;
    }
    return open;
}

}  // namespace shmsem
