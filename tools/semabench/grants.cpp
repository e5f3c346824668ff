#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "benchmark.hpp"
#include "cpu.hpp"
#include "peers_kernel.hpp"
#include "peers_shmsem.hpp"
#include "process.hpp"
#include "statistics.hpp"

// What a grant costs as the queue grows. The one permit goes round: who is granted it keeps it for 50 us, gives it to the next and
// queues again, so the queue has the same length throughout, and the next in line is always asleep, at one waiter as at 10,000.
// The waiters are threads, spread over eight processes. Two sides are timed:
//   release   the call itself in whoever gives the permit away: what the semaphore has to do, and the kernel's wake-up
//   hand-off  from before that call to the next holder's return from acquire. The thread that wakes has been away for as long
//             as the whole round took, so with many of them its stack has left the caches, whatever the semaphore is.

namespace semabench {

namespace {

constexpr int most_processes = 8;
constexpr duration held_for{50'000};
constexpr std::size_t most_grants = 4096;

struct scene {
    std::atomic<int> queued{0};
    std::atomic<std::int64_t> end{0};
    // Written only by whoever holds the permit.
    std::int64_t given = 0;
    std::size_t turns = 0;
    std::array<double, most_grants> hand_off{};
    // By number of the turn: its writer no longer holds the permit, but nobody else has that number.
    std::array<double, most_grants> release{};
};

template <class Session>
void go_round(Session& session, scene& place, std::uint64_t steps) {
    place.queued.fetch_add(1);
    for (;;) {
        auto held = session.acquire();
        const auto got = now_ns();
        if (got >= place.end.load() || place.turns == most_grants) {  // over: everybody passes it on and leaves
            session.release(held);
            return;
        }
        const auto turn = place.turns++;
        place.hand_off[turn] = static_cast<double>(got - place.given);
        burn(steps);
        const auto before = now_ns();
        place.given = before;
        session.release(held);
        place.release[turn] = static_cast<double>(now_ns() - before);
    }
}

/// A thread that costs little memory; there are thousands of them.
class small_thread {
   public:
    explicit small_thread(const std::function<void()>& body) {
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, 256 * 1024);
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
contestant round_of(double wanted) {
    return {Lock::name, [wanted](const effort& work) -> sample {
                const int threads = work.at_most(wanted) + 1;  // one of them holds
                const int processes = std::min(threads, most_processes);
                const auto steps = steps_for(held_for);
                Lock lock(1);
                shared<scene> place;
                run_crew(processes + 1, work.patience, [&](member& self) {
                    auto session = lock.join();
                    if (self.rank() == processes) {  // holds the permit while the queue forms, and is not in it
                        auto held = session.acquire();
                        self.meet();
                        while (place->queued.load() < threads || lock.waiting(session) < threads) nap(std::chrono::milliseconds{1});
                        place->given = now_ns();
                        place->end.store(place->given + work.window.count() * 4);
                        session.release(held);
                        return;
                    }
                    self.meet();
                    const std::function<void()> body = [&] { go_round(session, *place, steps); };
                    std::vector<small_thread> mine;
                    for (int i = self.rank(); i < threads; i += processes) mine.emplace_back(body);
                    for (auto& one : mine) one.join();
                });
                if (place->turns == 0) throw std::runtime_error("nobody was granted the permit");
                const auto median = [&](const auto& values) {
                    return quantile({values.begin(), values.begin() + static_cast<std::ptrdiff_t>(place->turns)}, 0.5);
                };
                return {median(place->release), median(place->hand_off)};
            }};
}

}  // namespace

void add_grants(std::vector<benchmark>& to) {
    constexpr double waiters[] = {1, 10, 100, 1000, 10000};
    to.push_back(benchmark{"grants/waiters",
                           "cost of a grant as waiters grow",
                           {{"release", "ns", better::lower}, {"hand-off", "ns", better::lower}},
                           "waiters"}
                     .grow(waiters, round_of<roomy_leased_semaphore>, {1.3, 1.3})
                     .grow(waiters, round_of<sysv_semaphore>));
}

}  // namespace semabench
