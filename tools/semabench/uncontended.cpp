#include <string>

#include "benchmark.hpp"
#include "cpu.hpp"
#include "peers_boost.hpp"
#include "peers_kernel.hpp"
#include "peers_posix.hpp"
#include "peers_shmsem.hpp"
#include "peers_twa.hpp"
#include "process.hpp"
#include "timing.hpp"

// What a semaphore costs where nobody waits: acquire and release, one process, pinned.

namespace semabench {

namespace {

template <lock_to_measure Lock>
contestant pairs_of(unsigned permits) {
    return {Lock::name, [permits](const effort& work) -> sample {
                Lock lock(permits);
                const auto reports = run_crew(1, work.patience, [&](member& self) {
                    pin(0);
                    auto session = lock.join();
                    const auto pair = [&] {
                        auto held = session.acquire();
                        session.release(held);
                    };
                    pair();  // starts what the first use starts, at ordinary priority
                    take_precedence();
                    self.report(0, nanoseconds_per(pair, work.window));
                });
                return {reports[0][0]};
            }};
}

}  // namespace

void add_uncontended(std::vector<benchmark>& to) {
    const std::vector<measure> pair = {{"pair", "ns", better::lower}};
    for (const unsigned permits : {1U, 8U}) {
        std::vector<rival> rivals = {{pairs_of<posix_semaphore>(permits), {1.25}},
                                     {pairs_of<ownerless_semaphore>(permits)},
                                     {pairs_of<twa_yielding>(permits)},
                                     {pairs_of<twa_parking>(permits)},
                                     {pairs_of<boost_semaphore>(permits)},
                                     {pairs_of<boost_named_semaphore>(permits)},
                                     {pairs_of<sysv_semaphore>(permits)}};
        if (permits == 1) {
            rivals.push_back({pairs_of<robust_pthread_mutex>(permits)});
            rivals.push_back({pairs_of<flock_lock>(permits)});
            rivals.push_back({pairs_of<ofd_lock>(permits)});
        }
        benchmark one{"uncontended/" + std::to_string(permits),
                      "acquire + release by one process, " + std::to_string(permits) + " permit" + (permits > 1 ? "s" : ""),
                      pair};
        to.push_back(one.compare(pairs_of<leased_semaphore>(permits), rivals));
    }
    to.push_back(benchmark{"uncontended/try", "try_acquire + release by one process, 1 permit", pair}.compare(
        pairs_of<leased_semaphore_trying>(1), {{pairs_of<posix_semaphore_trying>(1)}}));
    to.push_back(
        benchmark{"uncontended/ownerless", "acquire + release of the ownerless kind by one process, 1 permit", pair}.compare(
            pairs_of<ownerless_semaphore>(1), {{pairs_of<posix_semaphore>(1), {1.25}}}));
}

}  // namespace semabench
