#include "shmsem/lease.hpp"

#include "api/access.hpp"
#include "core/fast_path.hpp"
#include "core/keeper.hpp"
#include "core/leases.hpp"

namespace shmsem {

namespace {

void forget_callbacks(core::lease_record& record) noexcept {
    if (record.watched != 0 && core::ours(record)) record.of->home->keeper()->forget(record.watched);
    record.watched = 0;
}

void watch(core::lease_record& record, std::function<void()> lost) {
    record.usual = core::lease_record::nobody;
    record.watched = record.of->home->keeper()->watch(record, record.watched, std::move(lost));
}

// Apart, so that the fast path keeps nothing across a call.
[[gnu::noinline, gnu::cold]] bool release_slowly(core::lease_record& record) noexcept {
    if (record.of == nullptr) return false;
    forget_callbacks(record);
    const bool kept = core::release(record);
    record.of = nullptr;
    record.all.reset();
    return kept;
}
[[gnu::noinline]] bool released_among_waiters(core::lease_record& record) noexcept {
    core::tell_of_open_slot(*record.of, record.seat, record.identity);
    record.of = nullptr;
    return true;
}

}  // namespace

bool lease::release() noexcept {
    switch (core::release_usual(record_)) {
        case core::usual_release::done: break;
        case core::usual_release::opened: return released_among_waiters(record_);
        case core::usual_release::declined: return release_slowly(record_);
    }
    record_.of = nullptr;
    return true;
}

void lease::release(std::error_code& ec) noexcept {
    ec.clear();
    if (record_.of != nullptr && !release()) ec = errc::lease_lost;
}

bool lease::renew() noexcept { return core::renew(record_); }

void lease::renew(std::error_code& ec) noexcept {
    ec.clear();
    if (!renew()) ec = errc::lease_lost;
}

bool lease::valid() const noexcept { return core::expiry(record_) > os::now(); }

duration lease::remaining() const noexcept {
    const os::instant end = core::expiry(record_);
    if (end == os::never) return forever;
    return std::max(duration::zero(), duration(end - os::now()));
}

deadline lease::expires_at() const noexcept { return core::expiry(record_); }

std::uint32_t lease::seat(std::uint32_t i) const noexcept {
    return record_.all && i < record_.permits ? record_.all[i].seat : record_.seat;
}

void lease::on_lost(std::function<void()> callback, std::error_code& ec) noexcept {
    ec.clear();
    if (record_.of == nullptr) {
        ec = errc::invalid_argument;
    } else if (!valid()) {
        ec = errc::lease_lost;
    } else {
        try {
            watch(record_, std::move(callback));
        } catch (const std::bad_alloc&) {
            ec = std::make_error_code(std::errc::not_enough_memory);
        }
    }
}

void lease::on_lost(std::function<void()> callback) {
    const auto subject = [this]() -> std::string {
        if (record_.of == nullptr) return "empty lease";
        if (!core::ours(record_)) return "lease of another process, or of a segment that was closed";
        return "lease in segment '" + record_.of->home->name() + "'";
    };
    api::throwing(subject, [&](std::error_code& ec) { on_lost(std::move(callback), ec); });
}

std::stop_token lease::lost_token() {
    std::stop_source source;
    std::stop_token token = source.get_token();
    if (valid()) {
        watch(record_, [source]() mutable { source.request_stop(); });
    } else {
        source.request_stop();
    }
    return token;
}

detached_lease lease::detach() noexcept {
    if (record_.of == nullptr) return {};
    forget_callbacks(record_);
    if (!core::detach(record_)) {  // lost, or inherited: what cannot be released cannot be handed on
        (void)release();
        return {};
    }
    const detached_lease out{.segment_id = record_.of->home->id(),
                             .semaphore = record_.of->index,
                             .seat = record_.seat,
                             .word = record_.word,
                             .token = record_.token,
                             .permits = record_.permits,
                             .reserved = 0};
    record_.of = nullptr;
    record_.all.reset();
    return out;
}

}  // namespace shmsem
