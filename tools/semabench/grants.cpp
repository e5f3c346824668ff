#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "benchmark.hpp"
#include "cpu.hpp"
#include "peers_kernel.hpp"
#include "peers_shmsem.hpp"
#include "process.hpp"
#include "statistics.hpp"

// What a grant costs as the queue grows. The one permit goes round: who is granted it gives it to the next and queues again, so
// the queue has the same length throughout. The waiters are threads, spread over eight processes. Two sides are timed:
//   release   the call itself in whoever gives the permit away, in processor time of that thread: what the semaphore has to do,
//             and the kernel's wake-up
//   hand-off  from before that call to the next holder's return from acquire. The thread that wakes has been away for as long
//             as the whole round took, so with many of them its stack has left the caches, whatever the semaphore is: that
//             part has no target, and is to be read beside System V's.
// On one processor a grant is a matter of work alone. On all of them the next holder is often woken on an idle one, which on a
// virtual machine costs more than all the rest, at one waiter more often than at many; there the permit is held for 50 us, so
// that the next in line is asleep at any length of the queue.

namespace semabench {

namespace {

constexpr int most_processes = 8;
constexpr std::size_t fewest_grants = 8;  // however late it became
constexpr std::size_t most_grants = 4096;

struct scene {
    std::atomic<int> in_line{0};
    std::atomic<std::int64_t> end{0};
    // Written only by whoever holds the permit; atomic since ThreadSanitizer does not know that semop orders.
    std::atomic<std::int64_t> given{0};
    std::atomic<std::size_t> turns{0};
    std::array<double, most_grants> hand_off{};
    // By number of the turn: its writer no longer holds the permit, but nobody else has that number.
    std::array<double, most_grants> release{};
};

/// Of the calling thread: other than the clock, it stands still while the one that was woken runs in its place.
std::int64_t own_processor_time() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

template <class Session>
void go_round(Session& session, scene& place, int waiters, std::uint64_t steps) {
    for (;;) {
        place.in_line.fetch_add(1);
        auto held = session.acquire();
        const auto got = now_ns();
        place.in_line.fetch_sub(1);
        const auto end = place.end.load();
        const auto turn = place.turns.load();
        if (turn == most_grants || (turn >= fewest_grants && got >= end)) {  // over: everybody passes it on and leaves
            session.release(held);
            return;
        }
        place.turns.store(turn + 1);
        place.hand_off[turn] = static_cast<double>(got - place.given.load());
        burn(steps);
        // Who gave it away may have been preempted before it queued again; without it one waiter would be none.
        while (place.in_line.load() < waiters && now_ns() < end) sched_yield();
        const auto worked = own_processor_time();
        place.given.store(now_ns());
        session.release(held);
        place.release[turn] = static_cast<double>(own_processor_time() - worked);
    }
}

/// A thread that costs little memory; there are thousands of them.
class small_thread {
   public:
    explicit small_thread(const std::function<void()>& body) {
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, std::size_t{256} * 1024);
        const int error = pthread_create(
            &thread_, &attributes,
            [](void* what) -> void* {
                (*static_cast<const std::function<void()>*>(what))();
                return nullptr;
            },
            const_cast<void*>(static_cast<const void*>(&body)));
        pthread_attr_destroy(&attributes);
        if (error != 0) throw std::system_error(error, std::generic_category(), "pthread_create");
    }
    void join() { pthread_join(thread_, nullptr); }

   private:
    pthread_t thread_{};
};

template <class Lock>
contestant round_of(double wanted, bool one_processor) {
    return {
        Lock::name, [=](const effort& work) -> sample {
            const int waiters = work.at_most(wanted);
            const int threads = waiters + 1;  // one of them holds
            const int processes = std::min(threads, most_processes);
            const auto steps = one_processor ? 0 : steps_for(std::chrono::microseconds{50});
            Lock lock(1);
            shared<scene> place;
            run_crew(processes + 1, work.patience, [&](member& self) {
                if (one_processor) pin(0);
                auto session = lock.join();
                if (self.rank() == processes) {  // holds the permit while the queue forms, and is not in it
                    auto held = session.acquire();
                    self.meet();
                    while (place->in_line.load() < threads || lock.waiting(session) < threads)
                        nap(std::chrono::milliseconds{1});
                    const auto now = now_ns();
                    place->given.store(now);
                    place->end.store(now + work.window.count() * 4);
                    session.release(held);
                    return;
                }
                self.meet();
                const std::function<void()> body = [&] { go_round(session, *place, waiters, steps); };
                std::vector<small_thread> mine;
                for (int i = self.rank(); i < threads; i += processes) mine.emplace_back(body);
                for (auto& one : mine) one.join();
            });
            if (place->turns.load() == 0) throw std::runtime_error("nobody was granted the permit");
            const auto median = [&](const auto& values) {
                return quantile({values.begin(), values.begin() + static_cast<std::ptrdiff_t>(place->turns.load())}, 0.5);
            };
            return {median(place->release), median(place->hand_off)};
        }};
}

}  // namespace

void add_grants(std::vector<benchmark>& to) {
    constexpr double waiters[] = {1, 10, 100, 1000, 10000};
    const std::vector<measure> sides = {{"release", "ns", better::lower}, {"hand-off", "ns", better::lower}};
    const auto of = [](bool one_processor) {
        return std::pair{[=](double size) { return round_of<roomy_leased_semaphore>(size, one_processor); },
                         [=](double size) { return round_of<sysv_semaphore>(size, one_processor); }};
    };
    const auto [ours, theirs] = of(true);
    to.push_back(benchmark{"grants/one-cpu", "cost of a grant as waiters grow, all on one processor", sides, "waiters"}
                     .grow(waiters, ours, {1.3})
                     .grow(waiters, theirs));
    const auto [ours_spread, theirs_spread] = of(false);
    to.push_back(
        benchmark{"grants/all-cpus", "cost of a grant as waiters grow, on all processors, held 50 us", sides, "waiters"}
            .grow(waiters, ours_spread)
            .grow(waiters, theirs_spread));
}

}  // namespace semabench
