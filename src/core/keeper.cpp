#include "core/keeper.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "core/leases.hpp"
#include "core/reaper.hpp"
#include "core/wait_queue.hpp"
#include "core/waiter_signal.hpp"
#include "os/testing.hpp"

namespace shmsem::core {

using layout::entry_state;
using layout::node_state;
using layout::node_word;
using layout::slot_word;

namespace {

constexpr auto relaxed = std::memory_order_relaxed;
// Each watches the eight next in the table, so that somebody watches everyone even when some are stopped.
constexpr std::uint32_t neighbours = 8;
constexpr os::nanoseconds unasked_look{60'000'000'000};     // at leases that somebody wants to hear of when they are lost
constexpr os::nanoseconds backstop{5'000'000'000};          // while a thread of ours waits, whatever else was missed
constexpr os::nanoseconds unsigned_lives{50'000'000};       // how often lives are looked at that the kernel does not sign
constexpr os::nanoseconds unfinished_cleaning{50'000'000};  // how soon a lock whose owner is stopped is tried again
constexpr os::nanoseconds patience{2'000'000};  // with such locks in one round: our own leases have to be renewed

thread_local constinit std::uint64_t background_thread_of = 0;  // the process, since a child that it forks inherits this

bool on_background_thread() noexcept { return background_thread_of == os::process_incarnation(); }

// All signals stay with the application's threads.
class signals_blocked {
   public:
    signals_blocked() noexcept {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    signals_blocked(const signals_blocked&) = delete;
    signals_blocked& operator=(const signals_blocked&) = delete;

   private:
    sigset_t before_;
};

// A fault that is blocked ends the process at once: see os/mapping_guard.hpp.
void take_our_own_faults() noexcept {
    sigset_t fault;
    ::sigemptyset(&fault);
    ::sigaddset(&fault, SIGBUS);
    ::pthread_sigmask(SIG_UNBLOCK, &fault, nullptr);
}

}  // namespace

keeper::~keeper() = default;

std::error_code keeper::start() noexcept {
    try {
        words_.reserve(os::max_waited_words);
        const signals_blocked blocked;
        const boost::this_thread::disable_interruption uninterrupted;
        boost::thread::attributes attributes;
        attributes.set_stack_size(512 * 1024);  // callbacks of users run on it
        thread_ = boost::thread(attributes, [this] { run(); });
    } catch (const std::exception&) {
        return errc::thread_failed;
    }
    started_.wait(0);
    if (started_.load() == 1) return {};
    const boost::this_thread::disable_interruption uninterrupted;
    thread_.join();
    return failure_;
}

void keeper::stop() noexcept {
    stopping_.store(1);
    os::futex_wake(stopping_, 1);
    poke();  // where it can sleep on one word only
    const boost::this_thread::disable_interruption uninterrupted;
    thread_.join();
}

void keeper::poke() noexcept { home_.poke_keeper(); }

void keeper::run() noexcept {
    ::prctl(PR_SET_NAME, "shmsem");
    take_our_own_faults();
    background_thread_of = os::process_incarnation();
    robust::membership& member = home_.member();
    const auto clean = [this](layout::process_index p, layout::entry_word ours, std::uint64_t identity) {
        return take_back_all(home_, p, ours, identity, os::after(os::now(), patience)).complete;
    };
    if (!member.join(failure_, clean)) {
        started_.store(2);
        started_.notify_all();
        return;
    }
    identity_ = member.identity();
    const layout::process_index me = robust::index_in(identity_);
    layout::process_entry& entry = home_.view().process(me);
    start_watching_us(me);
    started_.store(1);
    started_.notify_all();

    for (;;) {
        // Before anything is looked at, stop()'s wish too: a message that comes after this load ends the sleep at once.
        const std::uint32_t mail = entry.mailbox.load(std::memory_order_seq_cst);
        if (stopping_.load() != 0) break;
        const os::instant until = look_round(me);
        sleep(mail, until);
    }

    (void)tell_of_losses(os::now());  // what was lost since the last round, we would not be asked to stop with leases left
    const auto dying = member.leave(me);
    // Nothing is held, or we would not be asked to stop. Dying here, or with anything left after all, somebody else reaps us.
    if (dying.state == entry_state::dying && home_.held_by(me) == 0) member.free_entry(me, dying);
}

// Does what is due. @return when to wake next. Waiters read that time: one that finds it too late pokes us, and one that began to
// wait while we were looking round, and read an older time, is noticed here.
os::instant keeper::look_round(layout::process_index me) noexcept {
    robust::member_page& page = home_.member().page();
    for (int round = 0;; ++round) {
        const std::uint32_t begun = page.waits_begun.load(std::memory_order_seq_cst);
        os::instant until = beat(os::now());
        until = std::min(until, tell_of_losses(os::now()));
        until = std::min(until, gather_watched(me, os::now()));
        page.keeper_wakes_ns.store(until.time_since_epoch().count(), std::memory_order_seq_cst);
        if (page.waits_begun.load(std::memory_order_seq_cst) == begun) return until;
        if (round >= 2) return std::min(until, os::after(os::now(), layout::tick_length));  // they never stop coming
    }
}

void keeper::start_watching_us(layout::process_index me) noexcept {
    robust::membership& member = home_.member();
    const std::uint32_t used = member.used();
    std::uint32_t told = 0;
    for (std::uint32_t k = 1; k < used && told < neighbours; ++k) {
        const layout::process_index p = (me + used - k) % used;
        if (member.entry(p).state != entry_state::alive) continue;
        member.poke(p);
        ++told;
    }
}

// Renews what is due, and looks after the semaphores that our threads wait for. @return when to do it again
os::instant keeper::beat(os::instant now) noexcept {
    os::instant next = os::never;
    home_.member().renew_stamp();
    const std::uint32_t ttl = home_.shortest_ttl();
    if (ttl != 0) next = os::after(now, layout::duration_of(ttl) / 3);
    const bool waits = home_.member().page().waiting.load(std::memory_order_seq_cst) != 0;
    in_our_way_.reset();
    if (waits) {
        next = std::min(next, os::after(now, backstop));
        wake_our_served();
    }
    if (ttl == 0 && !waits) return next;
    const std::uint32_t used = semaphores_used(home_);
    for (std::uint32_t index = 0; index < used; ++index) {
        if (home_.ready(index)) next = std::min(next, look_after_semaphore(index, now, waits));
    }
    return next;
}

os::instant keeper::look_after_semaphore(std::uint32_t index, os::instant now, bool waits) noexcept {
    const semaphore_info& info = home_.info(index);
    const layout::process_index me = robust::index_in(identity_);
    const bool queue = (info.block->gate.load(std::memory_order_seq_cst) & layout::gate::count_mask) != 0;
    os::instant next = os::never;
    bool expired = false;
    for (std::uint32_t i = 0; i < info.range.capacity; ++i) {
        layout::slot& slot = info.slots[i];
        const slot_word w = slot_word::unpack(slot.word.load(std::memory_order_acquire));
        if (!w.owned()) continue;
        if (waits && queue) in_our_way_.set(w.process);
        if (w.deadline.none()) continue;
        if (w.process == me && info.renewal == renewal::automatic && renew_slot(info, slot, w, false) != renewed::not_due) {
            continue;
        }
        if (w.deadline.reached_by(info.clock.at(now))) {
            expired = true;
        } else if (waits) {
            next = std::min(next, info.clock.instant_of(w.deadline, now));
        }
    }
    if (!expired && (!waits || !queue)) return os::never;
    // The dead too, and hints that somebody was stopped before setting: this is the backstop for whatever was missed.
    os::kill_point("keeper.before_sweep");
    (void)sweep(home_, index, identity_, os::now());
    if (!queue) return os::never;
    request_dispatch(home_, index, identity_);
    // Leases that begin after this look live at least as long as the shortest ttl that anybody uses here.
    const std::uint32_t shortest = info.block->shortest_ttl.load(relaxed);
    if (shortest != 0) next = std::min(next, os::after(now, layout::duration_of(shortest)));
    return std::max(next, now + layout::tick_length / 2);
}

// Grants to our own threads whose granter was stopped before it woke them.
void keeper::wake_our_served() noexcept {
    const layout::process_index me = robust::index_in(identity_);
    for (std::uint32_t n = 0; n < home_.view().sizes().waiters; ++n) {
        layout::node& node = home_.view().node(n);
        const node_word w = node_word::unpack(node.word.load(std::memory_order_acquire));
        if (w.process != me || (w.state != node_state::granted && w.state != node_state::refused)) continue;
        ring_again(node);
    }
}

// Whom to watch: the next ones in the table that live, and whoever holds what our threads wait for, should those be stopped who are
// to watch them. The dead among them are reaped here and now.
os::instant keeper::gather_watched(layout::process_index me, os::instant now) noexcept {
    os::instant next = os::never;
    words_.clear();
    in_our_way_.reset(me);
    const os::instant patience_ends = os::after(now, patience);  // one for all, so that our own leases are renewed in time
    const std::uint32_t used = home_.member().used();
    for (std::uint32_t k = 1; k < used && words_.size() < neighbours; ++k) {
        const layout::process_index p = (me + k) % used;
        in_our_way_.reset(p);
        next = std::min(next, watch_or_reap(p, now, patience_ends));
    }
    for (layout::process_index p = 0; in_our_way_.any() && p < used && words_.size() + 3 < os::max_waited_words; ++p) {
        if (in_our_way_.test(p)) next = std::min(next, watch_or_reap(p, now, patience_ends));
    }
    return next;
}

// @return when to look again, if its life word cannot be slept on
os::instant keeper::watch_or_reap(layout::process_index p, os::instant now, os::instant patience_ends) noexcept {
    robust::membership& member = home_.member();
    const entry_state state = member.entry(p).state;
    if (state == entry_state::free || !home_.view().has_process(p)) return os::never;
    if (state == entry_state::joining) {
        (void)member.mark_if_dead(p);
        return os::after(now, unsigned_lives);
    }
    if (state == entry_state::dying || member.life_of(p) == robust::life::dead) {
        (void)reap_process(home_, p, identity_, patience_ends);
        return member.entry(p).state == entry_state::dying ? os::after(now, unfinished_cleaning) : os::never;
    }
    const auto life = member.life_word_of(p);
    if (!life)
        return member.signed_dead(p) ? now : os::after(now, unsigned_lives);  // marked in this very moment, or unsigned
    words_.push_back(*life);
    return os::never;
}

void keeper::sleep(std::uint32_t mail, os::instant until) noexcept {
    os::futex_word& mailbox = home_.view().process(robust::index_in(identity_)).mailbox;
    const bool watching = !words_.empty();
    words_.push_back({&mailbox, mail});
    words_.push_back({&stopping_, 0});
    if (os::futex_word* const torn = home_.mapping().guard.torn_word(); torn != nullptr && !home_.torn())
        words_.push_back({torn, 0});
    os::kill_point("keeper.before_sleep");
    if (os::futex_wait_any(words_, until) != os::wait_any_result::unsupported) return;
    until = std::min(until, os::after(os::now(), watching ? unsigned_lives : os::one_word_sleep));
    os::futex_wait(mailbox, mail, until);
}

std::uint32_t keeper::watch(const lease_record& lease, std::uint32_t id, std::function<void()> lost) {
    {
        const std::lock_guard guard(watched_lock_);
        if (const auto it = watched_.find(id); it != watched_.end()) {
            it->second.lost.push_back(std::move(lost));
        } else {
            while (++last_id_ == 0 || watched_.contains(last_id_)) {
            }
            watched_.emplace(last_id_, watched_lease{.lease = lease.copy(), .lost = {std::move(lost)}});
            id = last_id_;
        }
    }
    poke();
    return id;
}

void keeper::forget(std::uint32_t id) noexcept {
    decltype(watched_)::node_type gone;  // what it calls may own the last handle, and so us: it goes last, outside the lock
    {
        const std::lock_guard guard(watched_lock_);
        gone = watched_.extract(id);
    }
    // Background threads, of whatever segment, wait for nobody: else two that release each other's leases would wait for ever.
    if (!on_background_thread()) running_.wait(id);
}

// @return the earliest deadline of a watched lease
os::instant keeper::tell_of_losses(os::instant now) noexcept {
    std::unique_lock guard(watched_lock_);
    os::instant next = os::never;
    for (auto it = watched_.begin(); it != watched_.end();) {
        const os::instant deadline = expiry(it->second.lease);
        if (deadline > now) {
            // It may be ended by somebody who dies before telling.
            next = std::min({next, deadline, os::after(now, unasked_look)});
            ++it;
            continue;
        }
        auto lost = watched_.extract(it);
        const std::uint32_t id = lost.key();
        running_.store(id);
        guard.unlock();                    // they may wait for threads that watch and forget other leases
        home_.member().take_stamp_away();  // while they run we renew nothing
        for (const auto& call : lost.mapped().lost) {
            call();
            if (home_.identity() != identity_)
                ::_exit(EXIT_FAILURE);  // a child forked there, which has no background thread
        }
        lost = {};  // which may end another segment's last handle, and wait for its background thread
        home_.member().give_stamp_back();
        running_.store(0);
        running_.notify_all();
        guard.lock();
        it = watched_.upper_bound(id);
    }
    return next;
}

void ask_keeper_to_watch(attachment& home, os::instant by, os::instant now) noexcept {
    const os::instant planned{os::nanoseconds{home.member().page().keeper_wakes_ns.load(std::memory_order_seq_cst)}};
    if (planned > std::min(by, os::after(now, backstop))) home.poke_keeper();
}

}  // namespace shmsem::core
