#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <vector>

#include "benchmark.hpp"
#include "cpu_use.hpp"
#include "interrupt.hpp"
#include "peers_posix.hpp"
#include "peers_shmsem.hpp"
#include "process.hpp"

// What a process costs that is attached and does nothing, or waits, or holds and has its lease renewed: its ticks of processor
// time, and how often it wakes up, its own thread and the background thread together. All three are looked at over the same
// stretch of time, at full effort 10 s: the time between two beats of a 30 s lease.

namespace semabench {

namespace {

constexpr auto minute = std::chrono::minutes{1};

/// Ticks and wake-ups of each, scaled to so much time.
sample watch(const std::vector<const child*>& processes, duration stretch, duration per) {
    std::vector<cpu_use> before;
    for (const auto* one : processes) before.push_back(cpu_use_of(one->pid()));
    rest(stretch);
    const double scale = static_cast<double>(per.count()) / static_cast<double>(stretch.count());
    sample values;
    for (std::size_t i = 0; i < processes.size(); ++i) {
        const auto after = cpu_use_of(processes[i]->pid());
        values.push_back(static_cast<double>(after.ticks - before[i].ticks) * scale);
        values.push_back(static_cast<double>(after.wake_ups - before[i].wake_ups) * scale);
    }
    return values;
}

/// Ours, the semaphore with that ttl; the figures are for as long as `per`.
contestant three_idle(duration ttl, duration per, duration most) {
    return {"shmsem", [=](const effort& work) -> sample {
                const segment_name segment;
                const doorbell ready;
                const auto attach = [&] {
                    auto home = attach_to(segment);
                    return home.semaphore("bench", {.permits = 1, .max_permits = 1, .ttl = ttl});
                };
                const auto stay = [&] {
                    ready.ring();
                    doorbell().wait();
                };
                child holder([&] {
                    auto semaphore = attach();
                    const auto held = semaphore.acquire();
                    stay();
                });
                holder.await(ready, work.patience);
                child attached([&] {
                    const auto semaphore = attach();
                    stay();
                });
                attached.await(ready, work.patience);
                child waiter([&] {
                    auto semaphore = attach();
                    ready.ring();
                    const auto held = semaphore.acquire();
                });
                waiter.await(ready, work.patience);
                rest(work.settle * 20);
                return watch({&waiter, &attached, &holder}, std::min(work.watch, most), per);
            }};
}

contestant waiting_for_posix() {
    return {"sem_t", [](const effort& work) -> sample {
                const posix_semaphore empty(0);
                const doorbell ready;
                child waiter([&] {
                    ready.ring();
                    empty.join().acquire();
                });
                waiter.await(ready, work.patience);
                rest(work.settle * 20);
                return watch({&waiter}, std::min<duration>(work.watch, std::chrono::seconds{1}), minute);
            }};
}

std::vector<measure> measures_of(std::initializer_list<const char*> processes) {
    std::vector<measure> all;
    for (const std::string who : processes) {
        all.push_back({who + ", processor time", "ticks", better::lower});
        all.push_back({who + ", wake-ups", "wake-ups", better::lower});
    }
    return all;
}

}  // namespace

void add_idle(std::vector<benchmark>& to) {
    const std::initializer_list<const char*> processes = {"waiter", "attached", "holder"};
    to.push_back(benchmark{"idle/minute", "idle processes per minute, ttl 30 s", measures_of(processes)}.state(
        three_idle(std::chrono::seconds{30}, minute, minute), {0}));
    to.push_back(benchmark{"idle/ttl", "idle processes per ttl, of 1 s here", measures_of(processes)}.state(
        three_idle(std::chrono::seconds{1}, std::chrono::seconds{1}, std::chrono::seconds{3}), {0, 5, {}, 5, {}, 5}));
    to.push_back(benchmark{"idle/sem_t", "what a waiter of sem_t costs, per minute", measures_of({"waiter"})}.state(
        waiting_for_posix()));
}

}  // namespace semabench
