#include "core/waiting.hpp"

#include <sched.h>

#include <array>

#include "core/fast_path.hpp"
#include "core/keeper.hpp"
#include "core/reaper.hpp"
#include "core/waiter_signal.hpp"
#include "os/testing.hpp"

namespace shmsem::core {

using layout::node_state;
using layout::slot_word;

namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr os::nanoseconds longest_sleep{60'000'000'000};  // a file that was cut short wakes nobody
constexpr os::nanoseconds spin_length{30'000};            // about what it takes to sleep and to be woken
constexpr os::nanoseconds roused_spin_length{100'000};    // of one who was woken ahead: two others may come first
constexpr int spins_in_a_round = 32;                      // about half a microsecond
constexpr int rounds_between_yields = 3;
// Whoever expects to be served soon watches nobody at first. Longer than the time between two ticks of the kernel's clock: a timer
// that comes before those would cost as much again as the sleep.
constexpr os::nanoseconds short_sleep{10'000'000};
constexpr std::uint32_t seats_watched = 64;  // a waiter looks at so many holders at most
constexpr std::size_t holders_watched = 16;

// While it lives, the background thread of this process looks after the semaphores that its threads wait for.
class waiting_mark {
   public:
    /// @param by  when something that it waits for may expire
    waiting_mark(attachment& home, os::instant by, os::instant now) noexcept : page_(home.member().page()) {
        page_.waiting.fetch_add(1, std::memory_order_seq_cst);
        page_.waits_begun.fetch_add(1, std::memory_order_seq_cst);
        ask_keeper_to_watch(home, by, now);
    }
    ~waiting_mark() { page_.waiting.fetch_sub(1, std::memory_order_seq_cst); }
    waiting_mark(const waiting_mark&) = delete;
    waiting_mark& operator=(const waiting_mark&) = delete;

   private:
    robust::member_page& page_;
};

// Whether spinning has paid for this thread: each time in vain doubles how many waits it sleeps at once.
class spin_luck {
   public:
    [[nodiscard]] bool try_it() noexcept {
        if (sleep_instead_ == 0) return true;
        --sleep_instead_;
        return false;
    }
    void won() noexcept { penalty_ /= 2; }
    void lost() noexcept { sleep_instead_ = penalty_ = std::min(2 * penalty_ + 1, 255U); }

   private:
    unsigned penalty_ = 0;
    unsigned sleep_instead_ = 0;
};
thread_local constinit spin_luck the_luck [[gnu::tls_model("initial-exec")]];

class wait {
   public:
    wait(const semaphore_info& info, std::uint64_t identity, claimed_node& mine, const wait_request& request) noexcept
        : info_(info), home_(*info.home), identity_(identity), mine_(mine), request_(request) {}

    node_state run(os::instant now, wait_result& left) noexcept;

   private:
    enum class manner : std::uint8_t { first, roused };
    bool say_awake() noexcept;
    bool spin(manner how) noexcept;
    bool take_what_is_open() noexcept;
    [[nodiscard]] os::instant look_at_leases(os::instant now) noexcept;
    std::span<os::waited_word> watch_holders(std::span<os::waited_word> room) noexcept;
    void sleep(std::uint32_t seen, os::instant until, os::futex_word* stopped_here, bool for_long) noexcept;

    const semaphore_info& info_;
    attachment& home_;
    std::uint64_t identity_;
    claimed_node& mine_;
    const wait_request& request_;
};

// @return false when the node does not wait any more. Then it may be another's, who has claimed it with a ring: this clears no bit of theirs.
bool wait::say_awake() noexcept {
    os::kill_point("wait.before_spin");
    std::uint32_t seen = mine_.node().signal.load(std::memory_order_seq_cst);
    do {
        if (!mine_.waits()) return false;
    } while ((seen & waiter_asleep) != 0 && !mine_.node().signal.compare_exchange_weak(seen, seen & ~waiter_asleep));
    return true;
}

// Who was woken ahead lets others have the processor now and then: one of them may be who comes first. Who is first itself does not,
// so that it learns not to spin where it has the one processor that the holder needs.
bool wait::spin(manner how) noexcept {
    if (!say_awake()) return true;
    const os::instant end =
        std::min(request_.until, os::after(os::now(), how == manner::first ? spin_length : roused_spin_length));
    for (int round = 1; mine_.waits(); ++round) {
        for (int i = 0; i < spins_in_a_round && mine_.waits(); ++i) {
            if (info_.order == order::throughput) (void)take_what_is_open();
            os::relax();
        }
        if (os::now() >= end || request_.stop.stop_requested()) return !mine_.waits();
        if (how == manner::roused && round % rounds_between_yields == 0) ::sched_yield();
    }
    return true;
}

// Only whoever is first gets anything by this: dispatch() serves in order.
// @return false when something is open, but the lock is taken
bool wait::take_what_is_open() noexcept {
    if (info_.block->head.load(relaxed) != mine_.index()) return true;
    const bool open = hints(home_.view(), info_.range).each(0, [this](std::uint32_t s) {
        return layout::is_open(home_.view().slot(s).word.load(std::memory_order_seq_cst));
    });
    if (!open) return true;
    return under_lock(home_, info_.index, identity_, at_once, [this](wait_queue& queue) {
        queue.dispatch_for(mine_.waits() ? mine_.index() : layout::none);  // the node may be another's by now
    });
}

// @return when the next lease can expire
os::instant wait::look_at_leases(os::instant now) noexcept {
    if (info_.kind != kind::leased) return os::never;
    const swept found = sweep(home_, info_.index, identity_, now);
    // A lease that begins later lives for the shortest ttl at least.
    const std::uint32_t shortest = info_.block->shortest_ttl.load(relaxed);
    return shortest == 0 ? found.next : std::min(found.next, os::after(now, layout::duration_of(shortest)));
}

// What tells of the deaths of those who hold something now. Whoever is found dead already gives it back here and now.
std::span<os::waited_word> wait::watch_holders(std::span<os::waited_word> room) noexcept {
    std::size_t count = 0;
    bool opened = false;
    const std::uint32_t seats = info_.kind == kind::leased ? std::min(info_.range.capacity, seats_watched) : 0;
    for (std::uint32_t seat = 0; seat < seats && count < room.size(); ++seat) {
        const slot_word held = slot_word::unpack(info_.slots[seat].word.load(std::memory_order_acquire));
        if (!held.owned() || held.process == robust::index_in(identity_)) continue;
        const auto bell = home_.member().bell_of(held.process);
        if (home_.member().signed_dead(held.process)) {
            opened = take_from_dead(home_, info_.index, held.process) || opened;
        } else if (bell &&
                   std::ranges::none_of(room.first(count), [&](const auto& known) { return known.word == bell->word; })) {
            room[count++] = *bell;
        }
    }
    if (opened) request_dispatch(home_, info_.index, identity_);
    return room.first(count);
}

// A stop has a word of its own, in memory that nobody else can overwrite. Where the kernel cannot wait for several words, the waiter
// sleeps on its signal alone.
void wait::sleep(std::uint32_t seen, os::instant until, os::futex_word* stopped_here, bool for_long) noexcept {
    std::array<os::waited_word, 2 + holders_watched> words;
    std::size_t count = 0;
    words[count++] = {&mine_.node().signal, seen};
    if (stopped_here != nullptr) words[count++] = {stopped_here, 0};
    if (for_long) count += watch_holders(std::span(words).subspan(count, holders_watched)).size();
    if (count > 1 && os::futex_wait_any(std::span(words).first(count), until) != os::wait_any_result::unsupported) return;
    if (stopped_here != nullptr) until = std::min(until, os::after(os::now(), os::one_word_sleep));
    os::futex_wait(mine_.node().signal, seen, until);
}

node_state wait::run(os::instant now, wait_result& left) noexcept {
    layout::semaphore_block& block = *info_.block;
    const bool barging = info_.order == order::throughput;
    bool short_wait = block.front_wait_ns.load(relaxed) <= worth_spinning_ns;
    const bool may_spin = short_wait && request_.until > now && the_luck.try_it();
    mine_.node().processor.store(may_spin ? static_cast<std::uint32_t>(::sched_getcpu()) : layout::none, relaxed);
    if (may_spin && block.head.load(relaxed) == mine_.index()) {
        if (spin(manner::first)) {
            the_luck.won();
        } else {
            the_luck.lost();
            short_wait = false;
            now = os::now();
        }
    }
    if (const auto end = mine_.state(); end != node_state::waiting) return end.value_or(node_state::free);

    const waiting_mark mark(home_, look_at_leases(now), now);
    os::futex_word stopped_here{0};
    const auto wake = [&] {
        stopped_here.store(1, std::memory_order_seq_cst);
        os::futex_wake(stopped_here, 1);
        ring_again(mine_.node());
    };
    std::optional<std::stop_callback<decltype(wake)>> on_stop;
    if (request_.stop.stop_possible()) on_stop.emplace(request_.stop, wake);

    // By then whoever stands in front has waited for as long: all of them took their tickets earlier. In strict order a long queue takes
    // its time, and those at its end have no use for a look at the holders yet.
    const auto queue = static_cast<std::int64_t>(block.gate.load(relaxed) & layout::gate::count_mask);
    const os::instant soon = barging ? os::after(os::now(), barging_limit)
                                     : os::after(now, short_sleep * std::min<std::int64_t>(queue + 1, 1000));
    bool for_long = !barging && !short_wait;
    for (bool woken = false;; woken = true) {
        // Woken before its turn, it is about to come, or with order::throughput something was open.
        if (woken && (may_spin || (barging && !for_long))) (void)spin(manner::roused);
        // Before the state: see waiter_signal.hpp. A ring after this changes the signal, and the sleep ends at once.
        const std::uint32_t seen = mine_.node().signal.fetch_or(waiter_asleep, std::memory_order_seq_cst) | waiter_asleep;
        if (barging) {
            if (woken) os::kill_point("wait.roused");
            // A releaser that still saw the flag opened its slot before this, and this look finds it. Whoever has the lock may have looked
            // before that.
            block.gate.fetch_and(~layout::gate::roused, std::memory_order_seq_cst);
            if (!take_what_is_open()) request_dispatch(home_, info_.index, identity_);
        }
        const node_state state = mine_.state().value_or(node_state::free);
        if (state != node_state::waiting) return state;
        const bool stopped = request_.stop.stop_requested();
        if (woken) now = os::now();
        if (stopped || now >= request_.until) {
            if (!mine_.abandon()) continue;
            left = stopped ? wait_result::cancelled : wait_result::timed_out;
            os::kill_point("wait.abandoned");
            return node_state::abandoned;
        }
        if (!for_long && now >= soon) {
            for_long = true;
            if (barging) {
                os::kill_point("wait.before_hurry");
                request_dispatch(home_, info_.index, identity_);
                continue;
            }
        }
        os::kill_point("wait.before_sleep");
        const os::instant look_again = for_long ? os::after(now, longest_sleep) : soon;
        sleep(seen, std::min(request_.until, look_again), on_stop ? &stopped_here : nullptr, for_long);
    }
}

}  // namespace

node_state wait_until_served(const semaphore_info& info, std::uint64_t identity, claimed_node& mine,
                             const wait_request& request, os::instant now, wait_result& left) noexcept {
    return wait(info, identity, mine, request).run(now, left);
}

}  // namespace shmsem::core
