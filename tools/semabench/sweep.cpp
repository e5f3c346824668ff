#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "benchmark.hpp"
#include "cpu.hpp"
#include "interrupt.hpp"
#include "peers_shmsem.hpp"
#include "process.hpp"
#include "timing.hpp"

// What it costs to look for what is due, and to take back what a dead process held, in a large segment: how long that takes, and
// what those who acquire meanwhile feel of it.

namespace semabench {

namespace {

constexpr double slots = 65536;

/// A segment with one semaphore of many permits, and one of a single permit for callers.
class large_segment {
   public:
    explicit large_segment(const effort& work) : permits_(static_cast<unsigned>(work.at_most(slots))) {}

    [[nodiscard]] unsigned permits() const noexcept { return permits_; }
    [[nodiscard]] shmsem::segment attach() const { return attach_to(name_, {.processes = 4096, .permits = permits_ + 1}); }
    [[nodiscard]] shmsem::semaphore large(shmsem::segment& home) const {
        return home.semaphore("large", {.permits = permits_, .max_permits = permits_});
    }
    [[nodiscard]] static shmsem::semaphore small(shmsem::segment& home) {
        return home.semaphore("small", {.permits = 1, .max_permits = 1});
    }
    [[nodiscard]] std::vector<shmsem::lease> take_all(shmsem::semaphore& semaphore) const {
        std::vector<shmsem::lease> held;
        for (unsigned i = 0; i < permits_; ++i) held.push_back(semaphore.acquire());
        return held;
    }

   private:
    segment_name name_;
    unsigned permits_;
};

contestant sweep_of_all_held() {
    return {"shmsem", [](const effort& work) -> sample {
                const large_segment place(work);
                const auto reports = run_crew(1, work.patience, [&](member& self) {
                    pin(0);
                    auto home = place.attach();
                    auto large = place.large(home);
                    const auto held = place.take_all(large);
                    take_precedence();
                    self.report(0, nanoseconds_per([&] { home.reap(); }, work.window, 1));
                });
                return {reports[0][0]};
            }};
}

contestant callers(const char* name, bool beside_a_sweep) {
    return {name, [=](const effort& work) -> sample {
                const large_segment place(work);
                shared<std::atomic<bool>> over(false);
                const auto reports = run_crew(2, work.patience, [&](member& self) {
                    pin(self.rank());
                    auto home = place.attach();
                    auto large = place.large(home);
                    auto small = large_segment::small(home);
                    if (self.rank() == 1) {
                        const auto held = place.take_all(large);
                        self.meet();
                        while (!over->load()) {
                            if (beside_a_sweep) {
                                home.reap();
                            } else {
                                nap(std::chrono::milliseconds{1});
                            }
                        }
                        return;
                    }
                    { const auto first = small.acquire(); }
                    self.meet();
                    const auto pair = [&] {
                        auto one = small.acquire();
                        one.release();
                    };
                    self.report(0, nanoseconds_per(pair, work.window));
                    self.report(1, nanoseconds_per(pair, work.window, 10, 0.99));
                    over->store(true);
                });
                return {reports[0][0], reports[0][1]};
            }};
}

/// From SIGKILL of the process that holds all permits until all are free. Nobody waits for them, so nobody helps but those whose
/// task it is: the background threads of the other processes. The observer looks every 100 us.
contestant death_among(double wanted) {
    return {"shmsem", [wanted](const effort& work) -> sample {
                const auto processes = work.at_most(wanted);
                const large_segment place(work);
                shared<std::atomic<std::int64_t>> free_at(0);
                const crowd others(std::max(0, processes - 2), work.patience, [&](const std::function<void()>& stay) {
                    const auto home = place.attach();
                    stay();
                });
                const doorbell holding;
                const doorbell looking;
                child holder([&] {
                    auto home = place.attach();
                    auto large = place.large(home);
                    const auto held = place.take_all(large);
                    holding.ring();
                    doorbell().wait();
                });
                holder.await(holding, work.patience);
                child observer([&] {
                    auto home = place.attach();
                    const auto large = place.large(home);
                    if (large.available() != 0) throw std::runtime_error("not all permits are held");
                    looking.ring();
                    while (large.available() < place.permits()) nap(std::chrono::microseconds{100});
                    free_at->store(now_ns());
                    looking.ring();
                });
                observer.await(looking, work.patience);
                rest(work.settle * 20);
                const auto killed = now_ns();
                holder.kill();
                observer.await(looking, work.patience);
                return {static_cast<double>(free_at->load() - killed)};
            }};
}

}  // namespace

void add_sweep(std::vector<benchmark>& to) {
    const std::string all = "65,536 permits, all held: ";
    to.push_back(
        benchmark{"sweep/reap", all + "one look at each slot", {{"sweep", "ns", better::lower}}}.state(sweep_of_all_held()));
    to.push_back(benchmark{"sweep/callers",
                           all + "acquire + release of another semaphore while a process sweeps without pause",
                           {{"pair", "ns", better::lower}, {"p99 of 10 pairs", "ns", better::lower}}}
                     .compare(callers("shmsem, beside a sweep", true), {{callers("shmsem, nobody sweeps", false)}}));
    constexpr double processes[] = {2, 100, 1000, 4096};
    to.push_back(benchmark{"sweep/death",
                           all + "from SIGKILL of their holder until all are free, as attached processes grow",
                           {{"all free", "ns", better::lower}},
                           "processes"}
                     .grow(processes, death_among));
}

}  // namespace semabench
