#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "benchmark.hpp"
#include "cpu_use.hpp"
#include "interrupt.hpp"
#include "peers_posix.hpp"
#include "peers_shmsem.hpp"
#include "process.hpp"

// What a process costs that is attached and does nothing, or waits: its ticks of processor time, and how often it wakes up, both
// its own thread and the background thread. Scaled to a minute; a window of seconds sees a beat of every ten seconds or not.

namespace semabench {

namespace {

enum class doing { nothing, waiting, holding };

sample look_at(const child& process, duration per, const effort& work) {
    const auto before = cpu_use_of(process.pid());
    rest(work.watch);
    const auto after = cpu_use_of(process.pid());
    const double scale = static_cast<double>(per.count()) / static_cast<double>(work.watch.count());
    return {static_cast<double>(after.ticks - before.ticks) * scale,
            static_cast<double>(after.wake_ups - before.wake_ups) * scale};
}

/// @param ttl  of the semaphore; @param per  what the figures are scaled to
contestant idle(std::string name, doing what, duration ttl, duration per) {
    return {std::move(name), [=](const effort& work) -> sample {
                const segment_name segment;
                const auto attach = [&] {
                    auto home = shmsem::segment::open_or_create(segment.text());
                    return home.semaphore("bench", {.permits = 1, .max_permits = 1, .ttl = ttl});
                };
                const doorbell ready;
                const auto sleep_for_ever = [&] {
                    ready.ring();
                    doorbell().wait();
                };
                const auto hold = [&] {
                    auto semaphore = attach();
                    const auto held = semaphore.acquire();
                    sleep_for_ever();
                };
                if (what == doing::holding) {
                    child holder(hold);
                    holder.await(ready, work.patience);
                    rest(work.settle * 20);
                    return look_at(holder, per, work);
                }
                child holder(hold);
                holder.await(ready, work.patience);
                child watched([&] {
                    auto semaphore = attach();
                    (void)semaphore.try_acquire();  // attached for good, as after any use
                    ready.ring();
                    if (what == doing::waiting) {
                        const auto held = semaphore.acquire();
                    } else {
                        sleep_for_ever();
                    }
                });
                watched.await(ready, work.patience);
                rest(work.settle * 20);
                return look_at(watched, per, work);
            }};
}

contestant waiting_for_posix(duration per) {
    return {"sem_t, waiter", [=](const effort& work) -> sample {
                const posix_semaphore empty(0);
                const doorbell ready;
                child watched([&] {
                    ready.ring();
                    empty.join().acquire();
                });
                watched.await(ready, work.patience);
                rest(work.settle * 20);
                return look_at(watched, per, work);
            }};
}

}  // namespace

void add_idle(std::vector<benchmark>& to) {
    using std::chrono::seconds;
    constexpr auto minute = std::chrono::minutes{1};
    to.push_back(benchmark{"idle/minute",
                           "an idle process and an idle waiter, ttl 30 s, per minute",
                           {{"processor time", "ticks", better::lower}, {"wake-ups", "wake-ups", better::lower}}}
                     .state(idle("waiter", doing::waiting, seconds{30}, minute), {0})
                     .state(idle("attached", doing::nothing, seconds{30}, minute), {0})
                     .state(idle("holder", doing::holding, seconds{30}, minute))
                     .state(waiting_for_posix(minute)));
    // With a short ttl, so that a few seconds see several of them.
    to.push_back(benchmark{"idle/ttl",
                           "wake-ups in each ttl, of 1 s here",
                           {{"processor time", "ticks", better::lower}, {"wake-ups", "wake-ups", better::lower}}}
                     .state(idle("waiter", doing::waiting, seconds{1}, seconds{1}), {0, 5})
                     .state(idle("attached", doing::nothing, seconds{1}, seconds{1}), {0, 5})
                     .state(idle("holder", doing::holding, seconds{1}, seconds{1}), {{}, 5}));
}

}  // namespace semabench
