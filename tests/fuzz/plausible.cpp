#include "fuzz/plausible.hpp"

#include <optional>
#include <string>

#include "fuzz/warden.hpp"
#include "shmsem/errors.hpp"

namespace shmsem::fuzz {
namespace {

void require(bool what, const std::string& words) {
    if (!what) defect("implausible: " + words);
}

}  // namespace

void expect_known(std::error_code ec) {
    if (!ec) return;
    if (ec.category() != error_category()) defect("an error of another category: " + ec.message());
    require(std::string(name_of(static_cast<errc>(ec.value()))) != "unknown", "an error without a name");
}

void may_throw(const std::function<void()>& body) {
    try {
        body();
    } catch (const error& e) {
        expect_known(e.code());
        require(*e.what() != '\0', "an error without words");
    }
}

void expect_plausible(const lease& held, const limits& sizes) {
    if (!held) return;
    require(held.permits() >= 1 && held.permits() <= sizes.permits, "permits of a lease");
    for (std::uint32_t i = 0; i < held.permits(); ++i) require(held.seat(i) < sizes.permits, "the seat of a lease");
}

void expect_plausible(const semaphore_stats& stats, const limits& sizes) {
    require(stats.acquired <= sizes.permits, "acquired");
    require(stats.available >= 0, "available");
    require(stats.waiting <= sizes.waiters, "waiting");
    require(stats.percent >= 0 && stats.percent <= 100.0 * sizes.permits, "percent");
}

void expect_plausible(const semaphore_snapshot& seen, const limits& sizes) {
    require(seen.name.size() <= max_name_length, "the length of a name");
    require(seen.kind <= kind::ownerless && seen.order <= order::throughput && seen.renewal <= renewal::manual, "an option");
    require(seen.kind == kind::ownerless || seen.stats.capacity <= sizes.permits, "capacity");
    require(seen.kind == kind::ownerless || seen.max_permits <= sizes.permits, "max_permits");
    require(seen.holders.size() <= sizes.permits && seen.waiters.size() <= sizes.waiters, "how many there are");
    expect_plausible(seen.stats, sizes);
    for (const holder_info& h : seen.holders) {
        require(h.seat < sizes.permits, "the seat of a holder");
        require(h.label.size() <= max_label_length && h.command.size() < 16 && h.tenant.size() <= 55,
                "the length of a text");
        require(h.held >= duration::zero() && h.ttl_left >= duration::zero(), "a time that is over before it began");
        require(!h.state.empty() && !h.life.empty(), "the state of a holder");
    }
    for (const waiter_info& w : seen.waiters) {
        require(w.label.size() <= max_label_length && w.command.size() < 16 && w.tenant.size() <= 55,
                "the length of a text");
        require(w.waited >= duration::zero(), "a wait that ends before it began");
    }
}

void expect_plausible(const segment_snapshot& seen, const limits& sizes) {
    require(seen.limits == sizes, "the limits, which were fixed when it was opened");
    require(seen.age >= duration::zero(), "an age");
    require(seen.processes.size() <= sizes.processes, "the number of processes");
    require(seen.semaphores.size() <= sizes.semaphores, "the number of semaphores");
    for (const process_info& p : seen.processes) {
        require(p.index < sizes.processes && p.command.size() < 16, "a process");
        require(p.attached >= duration::zero(), "a process that came after now");
        require(!p.state.empty() && !p.life.empty(), "the state of a process");
    }
    for (const semaphore_snapshot& s : seen.semaphores) expect_plausible(s, sizes);
}

void expect_plausible(const invariants_report& report, const limits& sizes) {
    const std::size_t of_each = 16 + 4 * (std::size_t{sizes.permits} + 5 * sizes.waiters);
    require(report.problems.size() <= of_each * (sizes.semaphores + 1), "how many problems there are");
    for (const std::string& problem : report.problems) require(problem.size() < 256, "the length of a problem's words");
}

void expect_unharmed(const std::string& name) {
    segment home = segment::create(name, {.processes = 4, .semaphores = 4, .permits = 8, .waiters = 4, .tenants = 2});
    auto two = home.semaphore("two", {.permits = 2});
    {
        const lease first = two.acquire({.tenant = "t"});
        const lease second = two.acquire();
        require(first.seat() != second.seat() && first.valid() && second.valid(), "the leases of a fresh segment");
        require(!two.try_acquire(), "a permit too many in a fresh segment");
    }
    require(two.available() == 2 && two.acquire({.permits = 2}).permits() == 2, "several permits of a fresh segment");
    auto one = home.ownerless("one", {.initial = 1});
    require(one.try_acquire() && !one.try_acquire_for(std::chrono::microseconds{1}), "the units of a fresh segment");
    for (const std::string& problem : home.check_invariants().problems) defect("in a fresh segment: " + problem);
    require(segment::remove(name), "the removal of a fresh segment");
}

}  // namespace shmsem::fuzz
