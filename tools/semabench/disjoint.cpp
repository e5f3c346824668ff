#include <algorithm>
#include <string>
#include <utility>

#include "benchmark.hpp"
#include "cpu.hpp"
#include "peers_boost.hpp"
#include "peers_kernel.hpp"
#include "peers_posix.hpp"
#include "peers_shmsem.hpp"
#include "peers_twa.hpp"
#include "process.hpp"
#include "timing.hpp"

// As many processes as processors, each on its own, and permits for all of them: what they cost each other although none of
// them ever has to wait.

namespace semabench {

namespace {

template <lock_to_measure Lock>
contestant crowd_on(int processes, unsigned permits) {
    return {Lock::name, [processes, permits](const effort& work) -> sample {
                Lock lock(permits);
                const auto reports = run_crew(processes, work.patience, [&](member& self) {
                    pin(self.rank());
                    auto session = lock.join();
                    const auto pair = [&] {
                        auto held = session.acquire();
                        session.release(held);
                    };
                    per_second(pair, work.window / 10);
                    take_precedence();
                    self.meet();
                    self.report(0, per_second(pair, work.window));
                });
                double total = 0;
                for (const auto& report : reports) total += report[0];
                return {total};
            }};
}

}  // namespace

void add_disjoint(std::vector<benchmark>& to) {
    const auto processes = std::min<unsigned>(static_cast<unsigned>(processors().size()), 8);
    const auto crew = static_cast<int>(processes);
    const std::pair<const char*, unsigned> variants[] = {{"as-many", processes}, {"8", 8}};
    for (const auto& [name, permits] : variants) {
        benchmark one{std::string("disjoint/") + name,
                      std::to_string(processes) + " processes, a processor each, " + std::to_string(permits) +
                          " permits: pairs per second of all together",
                      {{"total", "/s", better::higher}}};
        to.push_back(
            one.compare(crowd_on<leased_semaphore>(crew, permits), {{crowd_on<posix_semaphore>(crew, permits), {2.0}},
                                                                    {crowd_on<ownerless_semaphore>(crew, permits)},
                                                                    {crowd_on<twa_yielding>(crew, permits)},
                                                                    {crowd_on<boost_semaphore>(crew, permits)},
                                                                    {crowd_on<sysv_semaphore>(crew, permits)}}));
    }
}

}  // namespace semabench
