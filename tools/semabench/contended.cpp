#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>

#include "benchmark.hpp"
#include "cpu.hpp"
#include "peers_kernel.hpp"
#include "peers_posix.hpp"
#include "peers_shmsem.hpp"
#include "peers_twa.hpp"
#include "process.hpp"

// More processes than processors, and all of them want the one permit: what order costs in throughput, and what the lack of
// it costs the unlucky.

namespace semabench {

namespace {

constexpr int processes = 8;
constexpr int processors_used = 2;
constexpr duration held_for{3'500};

template <lock_to_measure Lock>
contestant rush() {
    return {Lock::name, [](const effort& work) -> sample {
                Lock lock(1);
                shared<std::atomic<std::int64_t>> end(0);
                const auto steps = steps_for(held_for);
                // Long enough for every process to come to its turn many times where a turn costs a switch.
                const auto window = work.window * 4;
                const auto reports = run_crew(processes, work.patience, [&](member& self) {
                    pin_to_first(processors_used);
                    auto session = lock.join();
                    {
                        auto held = session.acquire();
                        session.release(held);
                    }
                    self.meet();
                    if (self.rank() == 0) end->store(now_ns() + window.count());
                    self.meet();
                    const auto until = end->load();
                    std::uint64_t count = 0;
                    std::int64_t longest = 0;
                    for (auto before = now_ns(); before < until; before = now_ns()) {
                        auto held = session.acquire();
                        const auto after = now_ns();
                        longest = std::max(longest, after - before);
                        burn(steps);
                        session.release(held);
                        // What was still queued at the end is not throughput of this window.
                        if (after < until) ++count;
                    }
                    self.report(0, static_cast<double>(count));
                    self.report(1, static_cast<double>(longest));
                });
                double count = 0;
                double longest = 0;
                for (const auto& report : reports) {
                    count += report[0];
                    longest = std::max(longest, report[1]);
                }
                return {count * 1e9 / static_cast<double>(window.count()), longest};
            }};
}

}  // namespace

void add_contended(std::vector<benchmark>& to) {
    const std::vector<measure> measures = {{"total", "/s", better::higher}, {"longest wait", "ns", better::lower}};
    const std::string scene = "8 processes on 2 processors, 1 permit held 3.5 us, ";
    to.push_back(benchmark{"contended/fifo", scene + "strictly first come, first served", measures}.compare(
        rush<leased_semaphore>(), {{rush<sysv_semaphore>(), {1.3}},
                                   {rush<twa_yielding>()},
                                   {rush<twa_parking>()},
                                   {rush<posix_semaphore>()},
                                   {rush<robust_pthread_mutex>()},
                                   {rush<flock_lock>()},
                                   {rush<ownerless_semaphore>()}}));
    to.push_back(benchmark{"contended/throughput", scene + "order::throughput", measures}.compare(
        rush<leased_semaphore_throughput>(),
        {{rush<posix_semaphore>(), {0.9}}, {rush<sysv_semaphore>()}, {rush<robust_pthread_mutex>()}}));
}

}  // namespace semabench
