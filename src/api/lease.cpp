#include "shmsem/lease.hpp"

#include "api/access.hpp"
#include "core/keeper.hpp"
#include "core/leases.hpp"

namespace shmsem {

using borrowed = core::lease_access::borrowed;

bool lease::release() noexcept {
    if (home_ == nullptr) return false;
    if (watched_ != 0 && home_->identity() == identity_) home_->keeper()->forget(watched_);
    const borrowed mine(*this);
    const bool kept = core::release(mine.record);
    delete[] more_;
    home_ = nullptr;
    more_ = nullptr;
    watched_ = 0;
    return kept;
}

void lease::release(std::error_code& ec) noexcept {
    ec.clear();
    if (home_ != nullptr && !release()) ec = errc::lease_lost;
}

bool lease::renew() noexcept {
    if (home_ == nullptr) return false;
    borrowed mine(*this);
    const bool kept = core::renew(mine.record);
    word_ = mine.record.word;
    return kept;
}

void lease::renew(std::error_code& ec) noexcept {
    ec.clear();
    if (!renew()) ec = errc::lease_lost;
}

bool lease::valid() const noexcept {
    if (home_ == nullptr) return false;
    const borrowed mine(*this);
    return core::expiry(mine.record) > os::now();
}

duration lease::remaining() const noexcept {
    if (home_ == nullptr) return {};
    const borrowed mine(*this);
    const os::instant end = core::expiry(mine.record);
    if (end == os::never) return forever;
    return std::max(duration::zero(), duration(end - os::now()));
}

deadline lease::expires_at() const noexcept {
    if (home_ == nullptr) return {};
    const borrowed mine(*this);
    return core::expiry(mine.record);
}

std::uint32_t lease::seat(std::uint32_t i) const noexcept {
    if (more_ == nullptr || i >= permits_) return seat_;
    return more_[i].slot - slot_ + seat_;
}

void lease::on_lost(std::function<void()> callback) {
    if (home_ == nullptr) api::fail(errc::invalid_argument, "empty lease");
    const borrowed mine(*this);
    if (core::expiry(mine.record) <= os::now()) api::fail(errc::lease_lost, "lease in segment '" + home_->name() + "'");
    watched_ = home_->keeper()->watch(mine.record, watched_, std::move(callback));
}

std::stop_token lease::lost_token() {
    std::stop_source source;
    if (home_ == nullptr) return source.get_token();
    const borrowed mine(*this);
    if (core::expiry(mine.record) <= os::now()) {
        source.request_stop();
        return source.get_token();
    }
    std::stop_token token = source.get_token();
    watched_ = home_->keeper()->watch(mine.record, watched_, [source]() mutable { source.request_stop(); });
    return token;
}

detached_lease lease::detach() noexcept {
    if (home_ == nullptr) return {};
    const borrowed mine(*this);
    if (!core::intact(mine.record)) {  // lost, or inherited: what cannot be released cannot be handed on
        (void)release();
        return {};
    }
    if (watched_ != 0) home_->keeper()->forget(watched_);
    core::mark_detached(mine.record);
    const detached_lease out{.segment_id = home_->id(), .semaphore = semaphore_, .slot = slot_, .word = word_, .token = token_,
                             .permits = permits_, .reserved = 0};
    delete[] more_;
    home_ = nullptr;
    more_ = nullptr;
    watched_ = 0;
    return out;
}

}  // namespace shmsem
