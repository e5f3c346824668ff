#include "robust/membership.hpp"

#include <linux/futex.h>

#include <climits>

#include "shmsem/errors.hpp"

namespace shmsem::robust {

using layout::entry_state;
using layout::entry_word;
using layout::process_entry;

namespace {

constexpr std::uint32_t joining_limit = 1000;  // ticks: 10 s

// A life word that nobody holds: never used, or marked by the kernel.
bool unheld(std::uint32_t life) noexcept { return life == 0 || (life & FUTEX_OWNER_DIED) != 0; }

std::uint64_t next_serial() noexcept {
    static std::atomic<std::uint64_t> last{0};  // copied by fork, so a child's identities differ from its parent's
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

life life_in(const process_entry& e) noexcept {
    // acquire: what the dead process wrote before it died is visible to whoever acts on its death.
    const std::uint32_t word = e.life.load(std::memory_order_acquire);
    if ((word & FUTEX_OWNER_DIED) != 0) return life::dead;
    if (e.kernel_signed.load(std::memory_order_relaxed) == 1) return word != 0 ? life::alive : life::unknown;
    return os::life_by_pid(e.pid.load(std::memory_order_relaxed), e.start_time.load(std::memory_order_relaxed),
                           e.pid_namespace.load(std::memory_order_relaxed), e.boot.load(std::memory_order_relaxed));
}

std::uint32_t membership::used() const noexcept {
    return std::min(view_.header().processes_used.load(std::memory_order_acquire), view_.sizes().processes);
}

// join(), on the background thread.    dies after      a survivor sees                   does
//   1 entry free -> joining            join.claimed    joining, life word 0              reaps it after 10 s
//   2 life word 0 -> tid               -               joining, FUTEX_OWNER_DIED         reaps it after 1 s
//     (announced to the kernel before, so from this instant our death is signed)
//   3 list node, facts                 join.life_locked  the same
//   4 entry joining -> alive  COMMIT   join.alive      alive, FUTEX_OWNER_DIED           reaps it
// An entry taken over from a dead process is joining, with the next generation, while what the dead one held is taken back: nothing
// is granted to it, reapers of the old generation let go of it, and locks that name it are free to steal. Whoever gives it up
// leaves it dying, never free: a later owner would take for its own what was not taken back yet.
bool membership::join(std::error_code& ec, const cleaner& clean) noexcept {
    os::process_identity who;
    try {
        who = os::this_process_identity();
    } catch (const std::bad_alloc&) {
        ec = std::make_error_code(std::errc::not_enough_memory);
        return false;
    }
    const std::uint64_t serial = next_serial();
    for (const cleaner* from_the_dead : {static_cast<const cleaner*>(nullptr), &clean}) {
        for (std::uint32_t p = 0; p < view_.sizes().processes; ++p) {
            const std::uint64_t identity = serial << 16 | (p + 1);
            if (!claim(p, who, identity, from_the_dead)) continue;
            give_stamp_back();
            // release: pairs with identity()'s acquire; whoever sees it sees the entry.
            page_->identity.store(identity, std::memory_order_release);
            return true;
        }
    }
    ec = errc::too_many_processes;
    return false;
}

void membership::renew_stamp() noexcept {
    std::uint64_t seen = page_->stamp.load(std::memory_order_relaxed);
    while (seen != 0 && !page_->stamp.compare_exchange_weak(seen, next_serial(), std::memory_order_release)) {
    }
}

void membership::give_stamp_back() noexcept { page_->stamp.store(next_serial(), std::memory_order_release); }

namespace {

// To 0 if it holds the calling thread's id. A word that does not may be a later owner's: an entry without the kernel's signature can
// be taken by another as soon as it is dying.
void clear_own(layout::word32& word) noexcept {
    const std::uint32_t tid = os::thread_identity::current().tid();
    std::uint32_t seen = word.load(std::memory_order_relaxed);
    while ((seen & FUTEX_TID_MASK) == tid && !word.compare_exchange_weak(seen, 0)) {
    }
}

// The calling thread's life word. From the list to 0 it is announced: one that kept the id of a dead thread without the kernel's
// mark would be taken for held for ever, and its entry be lost. A bell is not that important.
void let_go(process_entry& e) noexcept {
    auto& thread = os::thread_identity::current();
    if (!thread.robust()) return;
    thread.announce(e.life);
    thread.delist();
    os::kill_point("leave.delisted");
    clear_own(e.bell);
    clear_own(e.life);
    thread.withdraw();
}

// The list nodes lie within the entry for the C library's usual offset; with any other we do without.
bool has_room_for_nodes(const process_entry& e, long futex_offset) noexcept {
    const auto node_of = [&](const layout::word32& word) {
        return reinterpret_cast<std::uintptr_t>(&word) - static_cast<std::uintptr_t>(futex_offset);
    };
    return node_of(e.life) == reinterpret_cast<std::uintptr_t>(&e.life_node[1]) &&
           node_of(e.bell) == reinterpret_cast<std::uintptr_t>(&e.bell_node[1]);
}

}  // namespace

bool membership::claim(layout::process_index p, const os::process_identity& who, std::uint64_t identity,
                       const cleaner* clean) noexcept {
    process_entry& e = view_.process(p);
    std::uint64_t seen = e.word.load(std::memory_order_acquire);
    entry_word mine = entry_word::unpack(seen);
    if (mine.state != entry_state::free) {
        recycle_stale_claim(p, mine);
        const bool dead = mine.state == entry_state::dying || (mine.state == entry_state::alive && life_in(e) == life::dead);
        if (clean == nullptr || !dead) return false;
        mine = mine.freed();
    } else {
        clean = nullptr;
    }
    std::uint32_t life = e.life.load(std::memory_order_acquire);
    if (!unheld(life)) return false;
    auto& used = view_.header().processes_used;
    std::uint32_t top = used.load(std::memory_order_relaxed);
    while (top <= p && !used.compare_exchange_weak(top, p + 1)) {
    }
    mine = mine.as(entry_state::joining);
    mine.claimed = clock_.at(os::now());
    if (!e.word.compare_exchange_strong(seen, mine.pack())) return false;
    os::kill_point("join.claimed");

    auto& thread = os::thread_identity::current();
    bool is_signed = thread.robust();
    if (is_signed) {
        thread.announce(e.life);
        // Ours by the claim above, but a claimer that stalled for over 10 s may still let it go late.
        if (!unheld(life) || !e.life.compare_exchange_strong(life, thread.tid())) {
            thread.withdraw();
            std::uint64_t word = mine.pack();
            e.word.compare_exchange_strong(word, mine.as(entry_state::dying).pack());
            return false;
        }
        e.bell.store(thread.tid());
        is_signed = has_room_for_nodes(e, thread.futex_offset()) && thread.enlist(e.life, e.bell);
        thread.withdraw();
        if (!is_signed) clear_own(e.life);
    } else {
        e.life.compare_exchange_strong(life, 0);
    }
    if (e.word.load(std::memory_order_acquire) != mine.pack()) {  // we stalled: what follows is another's by now
        let_go(e);
        return false;
    }
    for (auto& section : e.sections) section.store(0, std::memory_order_relaxed);
    e.pid.store(who.pid, std::memory_order_relaxed);
    e.uid.store(who.uid, std::memory_order_relaxed);
    e.start_time.store(who.start_time, std::memory_order_relaxed);
    e.pid_namespace.store(who.pid_namespace, std::memory_order_relaxed);
    e.boot.store(who.boot, std::memory_order_relaxed);
    e.command.store(who.command);
    e.joined_ns.store(static_cast<std::uint64_t>(os::now().time_since_epoch().count()), std::memory_order_relaxed);
    e.kernel_signed.store(is_signed ? 1 : 0, std::memory_order_relaxed);
    os::kill_point("join.life_locked");

    std::uint64_t word = mine.pack();
    if (clean != nullptr && !(*clean)(p, mine, identity)) {  // a stopped process is in the way: leave it to a later reaper
        e.word.compare_exchange_strong(word, mine.as(entry_state::dying).pack());
        let_go(e);
        return false;
    }
    if (!e.word.compare_exchange_strong(word, mine.as(entry_state::alive).pack())) {  // we stalled, and were given up
        let_go(e);
        return false;
    }
    os::kill_point("join.alive");
    return true;
}

void membership::recycle_stale_claim(layout::process_index p, entry_word seen) noexcept {
    if (seen.state != entry_state::joining) return;
    const std::uint32_t life = view_.process(p).life.load(std::memory_order_acquire);
    const bool died = (life & FUTEX_OWNER_DIED) != 0;
    const bool stale = life == 0 && layout::tick_clock::after(seen.claimed, joining_limit).reached_by(clock_.at(os::now()));
    // A claimer that reused a marked life word has not overwritten it yet: only a stale one is given up then, too.
    if (!stale && !(died && layout::tick_clock::after(seen.claimed, joining_limit / 10).reached_by(clock_.at(os::now()))))
        return;
    std::uint64_t word = seen.pack();
    view_.process(p).word.compare_exchange_strong(word, seen.as(entry_state::dying).pack());
}

entry_word membership::leave(layout::process_index me) noexcept {
    process_entry& e = view_.process(me);
    take_stamp_away();
    page_->identity.store(0, std::memory_order_release);
    std::uint64_t word = e.word.load(std::memory_order_acquire);
    entry_word dying{};
    if (const entry_word mine = entry_word::unpack(word); mine.state == entry_state::alive) {
        if (e.word.compare_exchange_strong(word, mine.as(entry_state::dying).pack())) dying = mine.as(entry_state::dying);
    }
    os::kill_point("leave.marked");
    let_go(e);
    os::futex_wake(e.life, INT_MAX);
    os::futex_wake(e.bell, INT_MAX);
    return dying;
}

life membership::life_of(layout::process_index p) const noexcept {
    if (!view_.has_process(p)) return life::dead;
    switch (entry(p).state) {
        case entry_state::free:
        case entry_state::dying: return life::dead;
        default: return life_in(view_.process(p));
    }
}

entry_word membership::mark_if_dead(layout::process_index p) noexcept {
    const bool marked = entry(p).state == entry_state::dying;
    const entry_word dying = mark_only(p);
    if (!marked && dying.state == entry_state::dying) os::futex_wake(view_.process(p).life, INT_MAX);
    return dying;
}

entry_word membership::mark_only(layout::process_index p) noexcept {
    if (!view_.has_process(p)) return {};
    process_entry& e = view_.process(p);
    entry_word w = entry(p);
    if (w.state == entry_state::joining) {
        recycle_stale_claim(p, w);
        w = entry(p);
    }
    if (w.state == entry_state::dying) return w;
    if (w.state != entry_state::alive || life_in(e) != life::dead) return {};
    // The entry was this very one when its life was judged: a later owner has another generation, and the CAS fails.
    const entry_word dying = w.as(entry_state::dying);
    std::uint64_t seen = w.pack();
    if (e.word.compare_exchange_strong(seen, dying.pack())) {
        os::kill_point("reap.entry_marked");
        return dying;
    }
    const entry_word now = entry_word::unpack(seen);
    return now.state == entry_state::dying ? now : entry_word{};
}

bool membership::died(layout::process_index p) const noexcept { return life_in(view_.process(p)) == life::dead; }

bool membership::signed_dead(layout::process_index p) const noexcept {
    const entry_state state = entry(p).state;
    return state == entry_state::dying ||
           (state == entry_state::alive && (view_.process(p).life.load(std::memory_order_acquire) & FUTEX_OWNER_DIED) != 0);
}

namespace {

std::optional<os::waited_word> to_sleep_on(const process_entry& e, layout::word32& word) noexcept {
    std::uint32_t seen = word.load(std::memory_order_acquire);
    if (unheld(seen) || e.kernel_signed.load(std::memory_order_relaxed) == 0) return std::nullopt;
    // Without this bit the kernel marks the word but wakes nobody. Should the word change under our eyes, the sleep ends at once.
    if ((seen & FUTEX_WAITERS) == 0 && !word.compare_exchange_strong(seen, seen | FUTEX_WAITERS) && unheld(seen)) {
        return std::nullopt;
    }
    return os::waited_word{&word, seen | FUTEX_WAITERS};
}

}  // namespace

std::optional<os::waited_word> membership::life_word_of(layout::process_index p) noexcept {
    if (entry(p).state != entry_state::alive) return std::nullopt;
    return to_sleep_on(view_.process(p), view_.process(p).life);
}

std::optional<os::waited_word> membership::bell_of(layout::process_index p) noexcept {
    if (entry(p).state != entry_state::alive) return std::nullopt;
    return to_sleep_on(view_.process(p), view_.process(p).bell);
}

bool membership::free_entry(layout::process_index p, entry_word dying) noexcept {
    os::kill_point("reap.before_free");
    std::uint64_t word = dying.pack();
    return view_.process(p).word.compare_exchange_strong(word, dying.freed().pack());
}

void membership::poke(layout::process_index p) noexcept {
    if (!view_.has_process(p)) return;
    process_entry& e = view_.process(p);
    e.mailbox.fetch_add(1);
    os::futex_wake(e.mailbox, INT_MAX);
}

}  // namespace shmsem::robust
