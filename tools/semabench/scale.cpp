#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "benchmark.hpp"
#include "cpu.hpp"
#include "peers_shmsem.hpp"
#include "process.hpp"
#include "timing.hpp"

// What else there is in the segment is not to be felt by who acquires: other semaphores, other processes.

namespace semabench {

namespace {

const std::vector<measure> pair = {{"pair", "ns", better::lower}};

double pair_of(shmsem::semaphore& semaphore, duration window) {
    return nanoseconds_per(
        [&] {
            auto one = semaphore.acquire();
            one.release();
        },
        window);
}

contestant among_semaphores(double wanted) {
    return {"shmsem", [wanted](const effort& work) -> sample {
                const auto count = work.at_most(wanted);
                const segment_name name;
                const auto reports = run_crew(1, work.patience, [&](member& self) {
                    pin(0);
                    auto home = shmsem::segment::create(name.text(), {.semaphores = 4096});
                    shmsem::semaphore last;
                    for (int i = 0; i < count; ++i) {
                        last = home.semaphore("bench" + std::to_string(i), {.permits = 1, .max_permits = 1});
                    }
                    { const auto first = last.acquire(); }
                    take_precedence();
                    self.report(0, pair_of(last, work.window));
                    self.report(1, nanoseconds_per([&] { (void)home.find(last.name()); }, work.window / 2, 10));
                });
                return {reports[0][0], reports[0][1]};
            }};
}

contestant among_processes(double wanted) {
    return {"shmsem", [wanted](const effort& work) -> sample {
                const auto count = work.at_most(wanted);
                const segment_name name;
                const auto attach = [&] { return attach_to(name, {.processes = 4096}); };
                const crowd others(count - 1, work.patience, [&](const std::function<void()>& stay) {
                    const auto home = attach();
                    stay();
                });
                const auto reports = run_crew(1, work.patience, [&](member& self) {
                    pin(0);
                    auto home = attach();
                    const auto attached = home.inspect().processes.size();
                    if (attached != static_cast<std::size_t>(count)) {
                        throw std::runtime_error(std::to_string(attached) + " processes are attached, not " +
                                                 std::to_string(count));
                    }
                    auto semaphore = home.semaphore("bench", {.permits = 1, .max_permits = 1});
                    { const auto first = semaphore.acquire(); }
                    take_precedence();
                    self.report(0, pair_of(semaphore, work.window));
                });
                return {reports[0][0]};
            }};
}

}  // namespace

void add_scale(std::vector<benchmark>& to) {
    constexpr double semaphores[] = {1, 16, 256, 4096};
    constexpr double processes[] = {1, 10, 100, 1000};
    to.push_back(benchmark{"scale/semaphores",
                           "acquire + release, and find by name, as semaphores in the segment grow",
                           {{"pair", "ns", better::lower}, {"find", "ns", better::lower}},
                           "semaphores"}
                     .grow(semaphores, among_semaphores, {1.3}));
    to.push_back(benchmark{"scale/processes", "acquire + release as attached processes grow", pair, "processes"}.grow(
        processes, among_processes, {1.3}));
}

}  // namespace semabench
