#include <algorithm>
#include <string>

#include "benchmark.hpp"
#include "cpu.hpp"
#include "peers_boost.hpp"
#include "peers_posix.hpp"
#include "peers_shmsem.hpp"
#include "process.hpp"
#include "timing.hpp"

// As many processes as processors, each on its own, and permits for all of them: what they cost each other although none of
// them ever has to wait.

namespace semabench {

namespace {

constexpr unsigned permits = 8;

template <lock_to_measure Lock>
contestant crowd_on(int processes) {
    return {Lock::name, [processes](const effort& work) -> sample {
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
    const int processes = static_cast<int>(std::min<std::size_t>(processors().size(), permits));
    to.push_back({"disjoint/8",
                  std::to_string(processes) + " processes, 8 permits: pairs per second of all together",
                  {{"total", "/s", better::higher}},
                  crowd_on<leased_semaphore>(processes),
                  {{crowd_on<posix_semaphore>(processes), {1.8}},
                   {crowd_on<ownerless_semaphore>(processes)},
                   {crowd_on<boost_semaphore>(processes)}}});
}

}  // namespace semabench
