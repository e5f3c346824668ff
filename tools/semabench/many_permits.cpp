#include <algorithm>
#include <cstddef>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "benchmark.hpp"
#include "cpu.hpp"
#include "peers_shmsem.hpp"
#include "process.hpp"
#include "timing.hpp"

// Finding a free permit as permits grow, with a part of them held. The held ones are never the same for long: each step
// releases one of them at random and takes another, so that the free ones lie anywhere and nobody finds its own again.

namespace semabench {

namespace {

std::vector<shmsem::lease> take(leased_semaphore::session& session, std::size_t count) {
    std::vector<shmsem::lease> held;
    held.reserve(count);
    while (held.size() < count) {
        auto one = session.semaphore.try_acquire();
        if (!one) throw std::runtime_error("no permit was free with " + std::to_string(held.size()) + " held");
        held.push_back(*std::move(one));
    }
    return held;
}

double pair_while_holding(leased_semaphore::session& session, std::vector<shmsem::lease>& held, duration window) {
    if (held.empty()) {
        return nanoseconds_per(
            [&] {
                auto one = session.acquire();
                session.release(one);
            },
            window);
    }
    // Shuffled leases and not a random index: the leases are then read in order, which costs the loop itself nothing, while
    // the permits that come free lie anywhere.
    std::shuffle(held.begin(), held.end(), std::minstd_rand(1));
    std::size_t next = 0;
    return nanoseconds_per(
        [&] {
            session.release(held[next]);
            held[next] = session.acquire();
            if (++next == held.size()) next = 0;
        },
        window);
}

contestant with(double wanted, double fraction_held) {
    return {"shmsem", [=](const effort& work) -> sample {
                const auto permits = static_cast<unsigned>(work.at_most(wanted));
                // One at least is free, for the acquire that follows a release to be able to go elsewhere.
                const auto count = std::min(permits - 1, static_cast<unsigned>(permits * fraction_held));
                leased_semaphore lock(permits);
                const auto reports = run_crew(1, work.patience, [&](member& self) {
                    pin(0);
                    auto session = lock.join();
                    auto held = take(session, count);
                    take_precedence();
                    self.report(0, pair_while_holding(session, held, work.window));
                });
                return {reports[0][0]};
            }};
}

}  // namespace

void add_many_permits(std::vector<benchmark>& to) {
    constexpr double permits[] = {1, 16, 256, 4096, 65536};
    const std::pair<const char*, double> parts[] = {{"0", 0}, {"50", 0.5}, {"99.9", 0.999}};
    for (const auto& [text, fraction] : parts) {
        benchmark one{std::string("many-permits/held-") + text,
                      std::string("acquire + release as permits grow, ") + text + " % of them held",
                      {{"pair", "ns", better::lower}},
                      "permits"};
        to.push_back(one.grow(permits, [fraction = fraction](double size) { return with(size, fraction); }, {3.0}));
    }
}

}  // namespace semabench
