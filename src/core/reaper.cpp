#include "core/reaper.hpp"

#include "core/directory.hpp"
#include "core/events.hpp"
#include "core/fast_path.hpp"
#include "core/hints.hpp"
#include "core/wait_queue.hpp"
#include "os/probe.hpp"
#include "os/testing.hpp"

namespace shmsem::core {

using layout::entry_state;
using layout::entry_word;
using layout::node_state;
using layout::node_word;
using layout::slot_word;

namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr os::nanoseconds patience{100'000'000};  // of a caller who asked for reaping, with a lock whose owner is stopped

// Lives of processes, each judged once in a sweep: without the kernel's signature that takes system calls.
class judge {
   public:
    explicit judge(robust::membership& m) noexcept : member_(m) {}
    robust::life of(layout::process_index p) noexcept {
        if (p != last_ || !known_) {
            answer_ = member_.life_of(p);
            last_ = p;
            known_ = true;
        }
        return answer_;
    }

   private:
    robust::membership& member_;
    layout::process_index last_ = 0;
    robust::life answer_{};
    bool known_ = false;
};

// Permits that were taken back from their holder. The description is still the lease's, or a later one's: who looks at events can bear
// that. @param seat  of the first
void note(attachment& home, std::uint32_t index, std::uint32_t seat, slot_word lost, event_kind how, os::instant now,
          std::uint32_t permits = 1) noexcept {
    const layout::slot& slot = home.info(index).slots[seat];
    record(home, {.kind = how,
                  .semaphore = index,
                  .seat = seat,
                  .permits = permits,
                  .process = lost.process,
                  .token = token_of(slot.seq_high.load(relaxed), lost.seq),
                  .when = now,
                  .lasted = os::elapsed(os::instant_of_ns(slot.acquired_ns.load(relaxed)), now)});
}

struct opened_slots {
    std::uint32_t count = 0;
    std::uint32_t first = 0;  // seat
    slot_word lost;           // of the first
};

// Opens the slots of a dead process in one semaphore.
opened_slots open_slots_of(attachment& home, std::uint32_t index, layout::process_index p, entry_word entry) noexcept {
    const semaphore_info& info = home.info(index);
    opened_slots opened;
    for (std::uint32_t i = 0; i < info.range.capacity; ++i) {
        const std::uint32_t s = info.range.first + i;
        layout::slot& slot = home.view().slot(s);
        std::uint64_t bits = slot.word.load(std::memory_order_acquire);
        for (;;) {
            const slot_word w = slot_word::unpack(bits);
            if (!w.owned() || w.process != p) break;
            // The entry is still as it was, after the word was read, so the word was the dead process's. A later process with its index would
            // have taken the slot with another seq, and the CAS fails.
            if (home.member().entry(p) != entry) return opened;
            if (slot.word.compare_exchange_strong(bits, w.ended().pack())) {
                os::kill_point("reap.slot_opened");
                hints(home.view(), info.range).set(s);
                SHMSEM_PROBE(reap, info.block, i, p);
                if (opened.count++ == 0) {
                    opened.first = i;
                    opened.lost = w;
                }
                break;
            }
        }
    }
    return opened;
}

void count_reaped(attachment& home, std::uint32_t index, const opened_slots& opened) noexcept {
    if (opened.count == 0) return;
    home.view().semaphore(index).reaped.fetch_add(opened.count, relaxed);
    note(home, index, opened.first, opened.lost, event_kind::reaped, os::now(), opened.count);
}

void free_nodes_of(attachment& home, layout::process_index p, entry_word entry) noexcept {
    for (std::uint32_t n = 0; n < home.view().sizes().waiters; ++n) {
        layout::node& node = home.view().node(n);
        std::uint64_t bits = node.word.load();
        const node_word w = node_word::unpack(bits);
        if (w.process != p || w.state == node_state::free) continue;
        if (home.member().entry(p) != entry) return;
        node.word.compare_exchange_strong(bits, w.as(node_state::free).pack());
    }
}

}  // namespace

std::uint32_t semaphores_used(const attachment& home) noexcept {
    return std::min(home.view().header().semaphores_used.load(std::memory_order_acquire), home.view().sizes().semaphores);
}

swept sweep(attachment& home, std::uint32_t index, std::uint64_t identity, os::instant start) noexcept {
    const semaphore_info& info = home.info(index);
    layout::semaphore_block& block = home.view().semaphore(index);
    const layout::tick now = home.clock().at(start);
    judge lives(home.member());
    swept result;
    std::uint32_t& taken = result.taken_back;
    for (std::uint32_t i = 0; i < info.range.capacity; ++i) {
        const std::uint32_t s = info.range.first + i;
        layout::slot& slot = home.view().slot(s);
        std::uint64_t bits = slot.word.load(std::memory_order_acquire);
        const slot_word w = slot_word::unpack(bits);
        if (w.state == layout::slot_state::open) {
            ++result.found_open;
            if (hints(home.view(), info.range).set(s)) ++taken;  // whoever opened it was stopped
        }
        if (!w.owned()) continue;
        if (!w.deadline.none() && w.deadline.reached_by(now)) {
            if (!slot.word.compare_exchange_strong(bits, w.ended().pack())) continue;  // renewed or released in time
            os::kill_point("reap.slot_opened");
            hints(home.view(), info.range).set(s);
            block.expired.fetch_add(1, relaxed);
            home.member().poke(w.process);  // so that its callbacks hear of it
            SHMSEM_PROBE(expire, info.block, i, w.process);
            note(home, index, i, w, event_kind::expired, start);
            ++taken;
        } else if (lives.of(w.process) == robust::life::dead) {
            if (home.view().has_process(w.process) && home.member().entry(w.process).state != entry_state::free) {
                taken += reap_process(home, w.process, identity, at_once);
            } else if (slot.word.compare_exchange_strong(bits, w.ended().pack())) {  // no such process: damaged memory
                hints(home.view(), info.range).set(s);
                block.reaped.fetch_add(1, relaxed);
                ++taken;
            }
        } else if (!w.deadline.none()) {
            result.next = std::min(result.next, home.clock().instant_of(w.deadline, start));
        }
    }
    // As after a release: a waiter that found the slot taken raised the gate before it looked, and has not seen it open.  (I4)
    if (taken > 0) look_at_gate(info, identity);
    return result;
}

bool end_lease(const semaphore_info& info, std::uint64_t identity, std::uint32_t seat, std::uint64_t token) noexcept {
    attachment& home = *info.home;
    layout::slot& slot = info.slots[seat];
    std::uint64_t bits = slot.word.load(std::memory_order_acquire);
    slot_word lost;
    do {
        lost = slot_word::unpack(bits);
        if (!lost.owned() || token_of(slot.seq_high.load(std::memory_order_acquire), lost.seq) != token) return false;
    } while (!slot.word.compare_exchange_weak(bits, lost.ended().pack()));  // renewed in this very moment
    os::kill_point("end.opened");
    hints(home.view(), info.range).set(info.range.first + seat);
    info.block->ended.fetch_add(1, relaxed);
    home.member().poke(lost.process);
    note(home, info.index, seat, lost, event_kind::ended, os::now());
    look_at_gate(info, identity);
    return true;
}

bool take_from_dead(attachment& home, std::uint32_t index, layout::process_index p) noexcept {
    const entry_word dying = home.member().mark_only(p);
    if (dying.state != entry_state::dying) return false;
    const opened_slots opened = open_slots_of(home, index, p, dying);
    count_reaped(home, index, opened);
    return opened.count > 0;
}

std::uint32_t reap_process(attachment& home, layout::process_index p, std::uint64_t identity, os::instant until) noexcept {
    const entry_word dying = home.member().mark_if_dead(p);
    if (dying.state != entry_state::dying) return 0;
    const taken_back result = take_back_all(home, p, dying, identity, until);
    const std::uint32_t pid = home.view().process(p).pid.load(relaxed);
    const bool died = home.member().died(p);
    if (result.complete && home.member().free_entry(p, dying) && died) {
        SHMSEM_PROBE(death, p, pid);
        record(home, {.kind = event_kind::died, .process = p, .pid = pid, .when = os::now()});
    }
    return result.permits;
}

//                                    dies after         a survivor sees            does
//   1 entry alive -> dying           reap.entry_marked  dying                      all of this again
//   2 queue and lock of each semaphore, and its slots
//                                    reap.slot_opened   some open, not dispatched  the same; it dispatches every semaphore
//   3 nodes outside any queue        -                  dying                      the same
//   4 entry dying -> free  COMMIT    reap.before_free   dying                      the same
taken_back take_back_all(attachment& home, layout::process_index p, entry_word entry, std::uint64_t identity,
                         os::instant until) noexcept {
    taken_back result;
    const std::uint32_t used = semaphores_used(home);
    for (std::uint32_t index = 0; index < used; ++index) {
        if (!home.ready(index)) continue;
        // The slots first: that needs no lock, so a stopped lock owner cannot keep a dead holder's permits from being free.
        const opened_slots held = open_slots_of(home, index, p, entry);
        if (held.count > 0) request_dispatch(home, index, identity);  // whoever waits need not wait for the rest
        count_reaped(home, index, held);
        const bool locked = under_lock(home, index, identity, until, [&](wait_queue& queue) {
            queue.purge(p, entry);
            queue.reset_hints();
            queue.dispatch();
            queue.wake_all_served();
        });
        result.complete = result.complete && locked;
        // What a granter that had not seen the death yet gave it in between; now its nodes are gone.
        const opened_slots granted = open_slots_of(home, index, p, entry);
        if (granted.count > 0 || !locked) request_dispatch(home, index, identity);
        count_reaped(home, index, granted);
        result.permits += held.count + granted.count;
    }
    {
        robust::robust_lock directory(home.member(), identity, home.view().header().directory_lock);
        const auto got = until == at_once ? directory.try_lock() : directory.lock(until);
        if (got == robust::lock_result::timed_out) result.complete = false;
        if (got == robust::lock_result::owner_died) repair_directory(home);
    }
    if (result.complete) free_nodes_of(home, p, entry);
    return result;
}

std::uint32_t reap_all(attachment& home, std::uint64_t identity) noexcept {
    std::uint32_t taken = 0;
    for (layout::process_index p = 0; p < home.member().used(); ++p) {
        taken += reap_process(home, p, identity, os::after(os::now(), patience));
    }
    for (std::uint32_t index = 0; index < semaphores_used(home); ++index) {
        if (!home.ready(index)) continue;
        if (home.info(index).kind == kind::leased) taken += sweep(home, index, identity, os::now()).taken_back;
        request_dispatch(home, index, identity);
    }
    return taken;
}

}  // namespace shmsem::core
