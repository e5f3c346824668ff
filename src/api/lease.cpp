#include "shmsem/lease.hpp"

#include "api/access.hpp"
#include "core/fast_path.hpp"
#include "core/keeper.hpp"
#include "core/leases.hpp"

namespace shmsem {

bool lease::release() noexcept {
    if (record_.home == nullptr) return false;
    if (watched_ != 0) [[unlikely]] {
        if (core::ours(record_)) record_.home->keeper()->forget(watched_);
        watched_ = 0;
    }
    const bool kept = core::release(record_);
    record_.home = nullptr;
    record_.all.reset();
    return kept;
}

void lease::release(std::error_code& ec) noexcept {
    ec.clear();
    if (record_.home != nullptr && !release()) ec = errc::lease_lost;
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
    return record_.all && i < record_.permits ? record_.all[i].slot - record_.slot + record_.seat : record_.seat;
}

void lease::on_lost(std::function<void()> callback) {
    if (record_.home == nullptr) api::fail(errc::invalid_argument, "empty lease");
    if (!valid()) api::fail(errc::lease_lost, "lease in segment '" + record_.home->name() + "'");
    watched_ = record_.home->keeper()->watch(record_, watched_, std::move(callback));
}

std::stop_token lease::lost_token() {
    std::stop_source source;
    std::stop_token token = source.get_token();
    if (valid()) {
        watched_ = record_.home->keeper()->watch(record_, watched_, [source]() mutable { source.request_stop(); });
    } else {
        source.request_stop();
    }
    return token;
}

detached_lease lease::detach() noexcept {
    if (record_.home == nullptr) return {};
    if (watched_ != 0 && core::ours(record_)) record_.home->keeper()->forget(watched_);
    watched_ = 0;
    if (!core::detach(record_)) {  // lost, or inherited: what cannot be released cannot be handed on
        (void)release();
        return {};
    }
    const detached_lease out{.segment_id = record_.home->id(), .semaphore = record_.semaphore, .slot = record_.slot,
                             .word = record_.word, .token = record_.token, .permits = record_.permits, .reserved = 0};
    record_.home = nullptr;
    record_.all.reset();
    return out;
}

}  // namespace shmsem
