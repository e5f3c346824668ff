#include "fuzz/user.hpp"

#include <atomic>
#include <iterator>

#include "fuzz/pictures.hpp"
#include "fuzz/plausible.hpp"
#include "os/clock.hpp"

namespace shmsem::fuzz {
namespace {

using namespace std::chrono_literals;

// Short: most waits are in vain, and each of them is waited for.
duration some_patience(choices& in) { return std::chrono::microseconds{in.below(4) == 0 ? 1000 : in.below(300)}; }

std::atomic<std::uint32_t> losses_heard_of{0};

}  // namespace

const user::named_deed user::deeds[] = {
    {"acquire", &user::acquire},
    {"acquire with a stop token", &user::acquire_with_stop},
    {"try_acquire", &user::try_acquire},
    {"try_acquire without options", &user::try_acquire_quickly},
    {"try_acquire_until", &user::try_acquire_until},
    {"try_acquire_until", &user::try_acquire_until},
    {"the readers of a lease", &user::look_at_lease},
    {"renew", &user::renew},
    {"release", &user::release},
    {"release", &user::release},
    {"on_lost", &user::listen},
    {"detach", &user::detach},
    {"adopt", &user::adopt},
    {"resize", &user::resize},
    {"reap", &user::reap},
    {"end", &user::end_a_lease},
    {"pause and resume", &user::pause_and_resume},
    {"mutex", &user::lock_mutex},
    {"try_acquire of a unit", &user::count_down},
    {"try_acquire_until of a unit", &user::count_down_waiting},
    {"release of units", &user::count_up},
    {"counting_semaphore", &user::use_counting},
    {"inspect", &user::snapshot},
    {"stats", &user::stats},
    {"check_invariants", &user::check},
    {"semaphore and ownerless", &user::open_semaphores},
    {"open", &user::open_again},
    {"list", &user::list_all},
    {"remove_if_unused", &user::remove_if_unused},
    {"the passing of time", &user::let_time_pass},
};

bool user::attach(choices& in) {
    guard_.call(who_, "open", [&] {
        std::error_code ec;
        home_ = segment::open(name_, access::read_write, ec);
        expect_known(ec);
        sizes_ = home_.limits();
    });
    if (home_) guard_.call(who_, "semaphore and ownerless", [&] { open_semaphores(in); });
    return static_cast<bool>(home_);
}

void user::look(choices& in) {
    guard_.call(who_, "open read-only", [&] {
        std::error_code ec;
        segment seen = segment::open(name_, access::read_only, ec);
        expect_known(ec);
        if (!seen) return;
        expect_plausible(seen.inspect(), seen.limits());
        expect_plausible(seen.check_invariants(), seen.limits());
        auto found = seen.find(gpu, ec);
        expect_known(ec);
        (void)found.available();
        (void)found.try_acquire({}, ec);
        expect_known(ec);
        auto counted = seen.ownerless(units, {.max = most_units}, ec);
        expect_known(ec);
        (void)counted.value();
    });
    if (in.one_in(32)) guard_.call(who_, "list", [&] { list_all(in); });
    if (!in.one_in(8)) return;
    guard_.call(who_, "open_or_create", [&] {
        std::error_code ec;
        const segment there = segment::open_or_create(name_, {}, sharing::owner, ec);
        expect_known(ec);
        if (there) expect_plausible(there.inspect(), there.limits());
    });
}

void user::step(choices& in) {
    const named_deed& next = in.of(deeds);
    stop_ = std::stop_source();
    guard_.call(
        who_, next.name, [&] { (this->*next.what)(in); }, stop_);
}

void user::release_all() {
    guard_.call(who_, "release", [&] {
        leases_.clear();
        ledger_.reset();
    });
}

void user::leave() {
    guard_.call(who_, "the end of all handles", [&] {
        gpu_ = {};
        bulk_ = {};
        units_ = {};
        looked_at_ = {};
        home_ = {};
    });
}

acquire_options user::some_options(choices& in) {
    acquire_options o{.stop = stop_.get_token()};
    if (in.one_in(3)) o.permits = 1 + in.below(6);
    if (in.one_in(4)) o.ttl = in.one_in(3) ? forever : duration(10ms * in.below(100));
    if (in.one_in(6)) o.tenant = in.below(2) == 0 ? "tenant" : "another, with a name of some length";
    if (in.one_in(6)) o.label = "a label that is longer than 23 bytes";
    return o;
}

void user::keep(lease&& got) {
    expect_plausible(got, sizes_);
    if (leases_.size() >= 4) leases_.erase(leases_.begin());
    if (got) leases_.push_back(std::move(got));
}

void user::acquire(choices& in) {
    std::error_code ec;
    keep(some_semaphore(in).acquire(some_options(in), ec));
    expect_known(ec);
}

void user::acquire_with_stop(choices& in) {
    may_throw([&] { keep(some_semaphore(in).acquire(some_options(in))); });
}

void user::try_acquire(choices& in) {
    std::error_code ec;
    if (auto got = some_semaphore(in).try_acquire(some_options(in), ec)) keep(std::move(*got));
    expect_known(ec);
}

void user::try_acquire_quickly(choices& in) {
    may_throw([&] {
        for (std::uint32_t n = 1 + in.below(3); n > 0; --n) {
            if (auto got = some_semaphore(in).try_acquire()) keep(std::move(*got));
        }
    });
}

void user::try_acquire_until(choices& in) {
    std::error_code ec;
    auto got = in.below(2) == 0 ? some_semaphore(in).try_acquire_for(some_patience(in), some_options(in), ec)
                                : some_semaphore(in).try_acquire_until(os::now() + some_patience(in), some_options(in), ec);
    if (got) keep(std::move(*got));
    expect_known(ec);
}

void user::look_at_lease(choices& in) {
    for (const lease& held : leases_) {
        expect_plausible(held, sizes_);
        (void)held.valid();
        (void)held.remaining();
        (void)held.expires_at();
        (void)held.token();
        (void)held.ticket();
        (void)held.seat(in.below(256));
    }
}

void user::renew(choices& in) {
    if (leases_.empty()) return;
    std::error_code ec;
    lease& held = in.of(leases_);
    held.renew(ec);
    expect_known(ec);
    expect_plausible(held, sizes_);
}

void user::release(choices& in) {
    if (leases_.empty()) return;
    std::error_code ec;
    const auto which = leases_.begin() + in.below(static_cast<std::uint32_t>(leases_.size()));
    which->release(ec);
    expect_known(ec);
    leases_.erase(which);
}

void user::listen(choices& in) {
    if (leases_.empty()) return;
    std::error_code ec;
    lease& held = in.of(leases_);
    if (in.below(2) == 0) {
        held.on_lost([] { losses_heard_of.fetch_add(1); }, ec);
        expect_known(ec);
    } else {
        (void)held.lost_token();
    }
}

void user::detach(choices& in) {
    if (leases_.empty()) return;
    const auto which = leases_.begin() + in.below(static_cast<std::uint32_t>(leases_.size()));
    parcels_.push_back(which->detach());
    leases_.erase(which);
}

void user::adopt(choices& in) {
    if (parcels_.empty()) return;
    std::error_code ec;
    detached_lease parcel = parcels_.back();
    parcels_.pop_back();
    // What was handed over may have been damaged on the way, too.
    if (in.one_in(6)) parcel.seat = static_cast<std::uint32_t>(in.bits(4));
    if (in.one_in(6)) parcel.permits = static_cast<std::uint32_t>(in.bits(4));
    if (in.one_in(6)) parcel.word ^= 1ULL << in.below(64);
    keep(some_semaphore(in).adopt(parcel, ec));
    expect_known(ec);
}

void user::resize(choices& in) {
    std::error_code ec;
    some_semaphore(in).resize(in.below(9), ec);
    expect_known(ec);
}

void user::end_a_lease(choices& in) {
    std::error_code ec;
    auto from = some_semaphore(in);
    const auto holders = from.inspect().holders;
    const auto one = holders.empty() ? holder_info{} : holders[in.below(static_cast<std::uint32_t>(holders.size()))];
    (void)from.end(in.one_in(6) ? static_cast<std::uint32_t>(in.bits(8)) : one.seat, one.token, ec);
    expect_known(ec);
}

void user::pause_and_resume(choices& in) {
    std::error_code ec;
    auto what = some_semaphore(in);
    what.pause(ec);
    expect_known(ec);
    if (auto got = what.try_acquire({}, ec)) keep(std::move(*got));
    expect_known(ec);
    what.resume(ec);
    expect_known(ec);
}

void user::reap(choices& in) {
    std::error_code ec;
    if (in.below(2) == 0) {
        (void)home_.reap(ec);
    } else {
        (void)some_semaphore(in).reap(ec);
    }
    expect_known(ec);
}

void user::lock_mutex(choices& in) {
    may_throw([&] {
        if (!ledger_) ledger_.emplace(home_, ledger, mutex_options{.ttl = 1s});
        if (in.below(2) == 0 ? ledger_->try_lock() : ledger_->try_lock_for(some_patience(in))) {
            (void)ledger_->owned();
            (void)ledger_->token();
            if (in.below(4) != 0) ledger_->unlock();
        }
    });
}

void user::count_down(choices&) {
    std::error_code ec;
    (void)units_.try_acquire(ec);
    expect_known(ec);
}

void user::count_down_waiting(choices& in) {
    std::error_code ec;
    switch (in.below(4)) {
        case 0: units_.acquire(stop_.get_token(), ec); break;
        case 1: may_throw([&] { (void)units_.try_acquire_for(some_patience(in), stop_.get_token()); }); break;
        default: (void)units_.try_acquire_until(os::now() + some_patience(in), {}, ec); break;
    }
    expect_known(ec);
}

void user::count_up(choices& in) {
    std::error_code ec;
    units_.release(in.below(8), ec);
    expect_known(ec);
    may_throw([&] { units_.release(); });
}

void user::use_counting(choices& in) {
    may_throw([&] {
        counting_semaphore<most_units> counted(home_, units, 1);
        if (counted.try_acquire() || counted.try_acquire_for(some_patience(in))) counted.release();
    });
}

void user::snapshot(choices& in) {
    switch (in.below(3)) {
        case 0: return expect_plausible(home_.inspect(), sizes_);
        case 1: return expect_plausible(some_semaphore(in).inspect(), sizes_);
        default: return expect_plausible(units_.inspect(), sizes_);
    }
}

void user::stats(choices& in) {
    semaphore& those = some_semaphore(in);
    const semaphore_stats seen = those.stats();
    expect_plausible(seen, sizes_);
    (void)quantile(seen.wait, 0.5);
    expect_plausible(units_.stats(), sizes_);
    if (those.available() > sizes_.permits) defect("implausible: available()");
    if (those.permits() > sizes_.permits) defect("implausible: permits()");
    if (units_.value() < 0) defect("implausible: value()");
    if (those.name().size() > max_name_length || home_.name().size() > 63) defect("implausible: name()");
}

void user::check(choices&) { expect_plausible(home_.check_invariants(), sizes_); }

void user::open_semaphores(choices& in) {
    std::error_code ec;
    semaphore_options wanted = gpu_options;
    wanted.if_different = in.one_in(4) ? if_different::resize : if_different::adopt;
    gpu_ = in.one_in(3) ? home_.find(gpu, ec) : home_.semaphore(gpu, wanted, ec);
    expect_known(ec);
    bulk_ = home_.semaphore(bulk, bulk_options, ec);
    expect_known(ec);
    may_throw(
        [&] { units_ = home_.ownerless(units, {.initial = 1, .max = most_units, .if_different = if_different::adopt}); });
    if (!in.one_in(6)) return;
    (void)home_.semaphore("one more", {.permits = 1 + in.below(64)}, ec);
    expect_known(ec);
    (void)home_.find(units, ec);
    expect_known(ec);
}

void user::open_again(choices& in) {
    std::error_code ec;
    looked_at_ = segment::open(name_, in.below(2) == 0 ? access::read_only : access::read_write, ec);
    expect_known(ec);
    if (looked_at_) expect_plausible(looked_at_.inspect(), looked_at_.limits());
    if (in.below(2) == 0) looked_at_ = {};
}

void user::list_all(choices& in) {
    if (!in.one_in(8)) return;  // everybody's segments are in it
    for (const segment_entry& entry : segment::list()) {
        if (entry.name == name_) expect_known(entry.error);
    }
}

void user::remove_if_unused(choices& in) {
    if (!in.one_in(32)) return;  // looks through /proc
    std::error_code ec;
    (void)segment::remove_if_unused(name_, ec);
    expect_known(ec);
}

void user::let_time_pass(choices& in) {
    const duration lengths[] = {1ms, 10ms, 35ms, 200ms, 11s, 24h, 24h * 120};
    guard_.forward(in.of(lengths));
}

}  // namespace shmsem::fuzz
