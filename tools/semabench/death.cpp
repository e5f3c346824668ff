#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "benchmark.hpp"
#include "interrupt.hpp"
#include "peers_kernel.hpp"
#include "peers_posix.hpp"
#include "peers_shmsem.hpp"
#include "process.hpp"
#include "statistics.hpp"

// From SIGKILL of the holder to the next waiter holding the permit. One waiter lives through all kills of a sample; each
// holder is a new process. Nothing is pinned: where the dying and the waking run is the scheduler's choice, as it is in use.

namespace semabench {

namespace {

struct scene {
    std::atomic<int> trial{0};         // the waiter is about to acquire for the trial of this number
    std::atomic<std::int64_t> got{0};  // when it had the permit
};

void wait_until_queued(child& waiter, const scene& place, int trial, duration patience) {
    const auto until = clock::now() + patience;
    // Asleep after announcing itself can only mean asleep in acquire().
    while (place.trial.load() != trial || !waiter.asleep()) {
        waiter.expect_running();
        if (clock::now() > until) throw std::runtime_error("hung: the waiter does not wait");
        rest(std::chrono::microseconds{200});
    }
}

template <lock_to_measure Lock>
std::vector<double> kill_holders(const effort& work) {
    Lock lock(1);
    shared<scene> place;
    const doorbell start;
    const doorbell got;
    const doorbell holding;
    child waiter([&] {
        auto session = lock.join();
        for (int trial = 1;; ++trial) {
            start.wait();
            place->trial.store(trial);
            auto held = session.acquire();
            place->got.store(now_ns());
            session.release(held);
            got.ring();
        }
    });

    std::vector<double> delays;
    for (int trial = 1; trial <= work.kills; ++trial) {
        child holder([&] {
            auto session = lock.join();
            [[maybe_unused]] auto held = session.acquire();
            holding.ring();
            doorbell().wait();
        });
        holder.await(holding, work.patience);
        start.ring();
        wait_until_queued(waiter, *place, trial, work.patience);
        rest(work.settle);
        if (place->got.load() != 0) throw std::runtime_error("the waiter got the permit while its holder was alive");
        const auto killed = now_ns();
        holder.kill();
        waiter.await(got, work.patience);
        delays.push_back(static_cast<double>(place->got.exchange(0) - killed));
    }
    return delays;
}

template <lock_to_measure Lock>
contestant killing() {
    return {Lock::name, [](const effort& work) -> sample {
                const auto delays = kill_holders<Lock>(work);
                return {quantile(delays, 0.5), quantile(delays, 0.99)};
            }};
}

}  // namespace

void add_death(std::vector<benchmark>& to) {
    const std::vector<measure> measures = {{"median", "ns", better::lower}, {"p99", "ns", better::lower}};
    to.push_back(benchmark{"death/holder", "SIGKILL of the holder to the next waiter holding the permit", measures}.compare(
        killing<leased_semaphore>(),
        {{killing<flock_lock>(), {1.3, 1.3}}, {killing<sysv_semaphore>(), {1.3, 1.3}}, {killing<robust_pthread_mutex>()}}));
}

}  // namespace semabench
