#include "core/events.hpp"

#include <algorithm>

namespace shmsem::core {

namespace {

static_assert(recorded_events == layout::events_kept);
constexpr auto last_kind = static_cast<std::uint32_t>(event_kind::resumed);

// release and acquire on every field keep them between the two looks at `number`: as fences would, which ThreadSanitizer does not know.
constexpr auto into = std::memory_order_release;
constexpr auto from = std::memory_order_acquire;

std::uint64_t in_ns(os::instant when) noexcept { return static_cast<std::uint64_t>(when.time_since_epoch().count()); }

}  // namespace

//                                dies after        a reader sees
//   1 events + 1                 event.numbered    what lay there before, too old to be shown
//   2 number = 0                 event.begun       nothing there
//   3 the fields                 -                 the same
//   4 number             COMMIT
void record(attachment& home, const event_note& what) noexcept {
    const layout::view& view = home.view();
    const std::uint64_t number = view.header().events.fetch_add(1, std::memory_order_relaxed) + 1;
    os::kill_point("event.numbered");
    layout::event& e = view.event(static_cast<std::uint32_t>((number - 1) % layout::events_kept));
    e.number.store(0, into);
    os::kill_point("event.begun");
    std::uint32_t pid = what.pid;
    if (pid == 0 && view.has_process(what.process)) pid = view.process(what.process).pid.load(std::memory_order_relaxed);
    e.when_ns.store(in_ns(what.when), into);
    e.lasted_ns.store(static_cast<std::uint64_t>(std::max<std::int64_t>(what.lasted.count(), 0)), into);
    e.token.store(what.token, into);
    e.kind.store(static_cast<std::uint32_t>(what.kind), into);
    e.semaphore.store(what.semaphore, into);
    e.seat.store(what.seat, into);
    e.permits.store(what.permits, into);
    e.process.store(what.process, into);
    e.pid.store(pid, into);
    e.number.store(number, into);
}

std::vector<event_info> events_of(attachment& home) {
    const layout::view& view = home.view();
    const os::instant now = os::now();
    const std::uint64_t newest = view.header().events.load(std::memory_order_acquire);
    std::vector<event_info> all;
    for (std::uint32_t i = 0; i < layout::events_kept; ++i) {
        const layout::event& e = view.event(i);
        const std::uint64_t number = e.number.load(from);
        const std::uint64_t age = newest - number;
        if (number == 0 || (number - 1) % layout::events_kept != i || (number <= newest && age >= layout::events_kept))
            continue;
        const std::uint32_t semaphore = e.semaphore.load(from);
        const std::uint32_t kind = e.kind.load(from);
        event_info seen;
        seen.number = number;
        seen.ago = std::max(duration::zero(), duration(os::elapsed(os::instant_of_ns(e.when_ns.load(from)), now)));
        seen.lasted = duration(static_cast<duration::rep>(e.lasted_ns.load(from) & (~std::uint64_t{0} >> 1)));
        seen.seat = e.seat.load(from);
        seen.permits = e.permits.load(from);
        seen.process = e.process.load(from);
        seen.pid = e.pid.load(from);
        seen.token = e.token.load(from);
        if (kind == 0 || kind > last_kind || e.number.load(from) != number) continue;
        seen.kind = static_cast<event_kind>(kind);
        if (home.ready(semaphore)) seen.semaphore = view.semaphore(semaphore).name.load();
        all.push_back(std::move(seen));
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
    return all;
}

}  // namespace shmsem::core
