#include "shmsem/ownerless.hpp"

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

wait_result take(core::attachment* home, std::uint32_t index, deadline until, std::stop_token stop, std::error_code& ec) noexcept {
    ec.clear();
    if (home == nullptr || !home->writable()) {
        ec = home == nullptr ? errc::invalid_argument : errc::read_only;
        return wait_result::failed;
    }
    if (core::try_take_unit(*home, index)) return wait_result::granted;
    if (until <= os::now()) return wait_result::timed_out;
    const std::uint64_t identity = home->join(ec);
    if (identity == 0) return wait_result::failed;
    core::lease_record none;
    return core::wait_in_queue(*home, index, identity,
                               {.permits = 1, .what = {}, .until = until, .lock_until = until, .stop = std::move(stop)}, none, ec);
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

unnamed_home& the_unnamed() {
    static unnamed_home* u = new unnamed_home;  // static semaphores may be used and destroyed after us
    return *u;
}

}  // namespace

void ownerless_semaphore::acquire(std::error_code& ec) noexcept { (void)take(home_.get(), index_, os::never, {}, ec); }

void ownerless_semaphore::acquire() {
    if (home_ != nullptr && home_->writable() && core::try_take_unit(*home_, index_)) [[likely]] return;
    api::throwing(subject_of(*this), [&](std::error_code& ec) { acquire(ec); });
}

void ownerless_semaphore::acquire(std::stop_token stop) {
    api::throwing(subject_of(*this), [&](std::error_code& ec) {
        if (take(home_.get(), index_, os::never, std::move(stop), ec) == wait_result::cancelled) ec = errc::cancelled;
    });
}

bool ownerless_semaphore::try_acquire(std::error_code& ec) noexcept { return take(home_.get(), index_, {}, {}, ec) == wait_result::granted; }

bool ownerless_semaphore::try_acquire() {
    if (home_ != nullptr && home_->writable() && core::try_take_unit(*home_, index_)) [[likely]] return true;
    return api::throwing(subject_of(*this), [&](std::error_code& ec) { return try_acquire(ec); });
}

bool ownerless_semaphore::try_acquire_until(deadline when, std::stop_token stop, std::error_code& ec) noexcept {
    return take(home_.get(), index_, when, std::move(stop), ec) == wait_result::granted;
}

bool ownerless_semaphore::try_acquire_until(deadline when, std::stop_token stop) {
    return api::throwing(subject_of(*this), [&](std::error_code& ec) { return try_acquire_until(when, std::move(stop), ec); });
}

bool ownerless_semaphore::try_acquire_for(duration timeout, std::stop_token stop) {
    return try_acquire_until(os::after(os::now(), timeout), std::move(stop));
}

void ownerless_semaphore::release(std::int64_t n, std::error_code& ec) noexcept {
    ec.clear();
    if (home_ == nullptr || n < 0) {
        ec = errc::invalid_argument;
    } else if (!home_->writable()) {
        ec = errc::read_only;
    } else if (n > 0) {
        if (!core::add_units(*home_, index_, static_cast<std::uint64_t>(n))) ec = errc::overflow;
    }
}

void ownerless_semaphore::release(std::int64_t n) {
    if (home_ != nullptr && home_->writable() && n == 1 && core::add_units(*home_, index_, 1)) [[likely]] return;
    api::throwing(subject_of(*this), [&](std::error_code& ec) { release(n, ec); });
}

std::int64_t ownerless_semaphore::value() const noexcept {
    return home_ ? layout::count_word::unpack(home_->view().semaphore(index_).count.load()).count : 0;
}

std::string ownerless_semaphore::name() const { return home_ ? home_->view().semaphore(index_).name.load() : std::string{}; }
semaphore_stats ownerless_semaphore::stats() const { return home_ ? core::stats_of(*home_, index_) : semaphore_stats{}; }
semaphore_snapshot ownerless_semaphore::inspect() const { return home_ ? core::snapshot_of(*home_, index_) : semaphore_snapshot{}; }

namespace detail {

std::uint64_t this_process() noexcept { return os::process_incarnation(); }

ownerless_semaphore make_unnamed(std::int64_t initial, std::int64_t max) {
    const unnamed_home& unnamed = the_unnamed();
    if (unnamed.error) api::fail(unnamed.error, "unnamed semaphores");
    const std::string name = std::to_string(unnamed.home->view().header().unnamed_made.fetch_add(1) + 1);
    segment home = core::handle_access::make_segment(unnamed.home);
    return home.ownerless(name, {.initial = initial, .max = max, .max_waiters = 0, .if_different = if_different::fail});
}

void destroy_unnamed(ownerless_semaphore& semaphore, std::uint64_t maker) noexcept {
    if (maker != this_process() || !semaphore) return;
    core::remove_semaphore(*core::handle_access::home(semaphore), core::handle_access::index(semaphore),
                           core::handle_access::generation(semaphore));
}

}  // namespace detail
}  // namespace shmsem
