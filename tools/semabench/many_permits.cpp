#include <algorithm>
#include <cstdint>
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

// Finding the one free permit among many. All others are held by this process, their leases kept. The rival is the same
// library with few permits: the question is how the cost grows.

namespace semabench {

namespace {

enum class free_one { first, middle, last, moving };

std::vector<shmsem::lease> take_all(leased_semaphore::session& session, unsigned permits) {
    std::vector<shmsem::lease> held;
    held.reserve(permits);
    for (unsigned i = 0; i < permits; ++i) {
        auto one = session.semaphore.try_acquire();
        if (!one)
            throw std::runtime_error("only " + std::to_string(i) + " of " + std::to_string(permits) + " permits were free");
        held.push_back(*std::move(one));
    }
    return held;
}

double standing(leased_semaphore::session& session, std::vector<shmsem::lease>& held, free_one where, duration window) {
    const auto last = static_cast<std::uint32_t>(held.size()) - 1;
    const auto seat = where == free_one::first ? 0 : where == free_one::middle ? last / 2 : last;
    const auto found = std::find_if(held.begin(), held.end(), [&](const auto& one) { return one.seat() == seat; });
    if (found == held.end()) throw std::runtime_error("no lease has seat " + std::to_string(seat));
    found->release();
    return nanoseconds_per(
        [&] {
            auto one = session.acquire();
            session.release(one);
        },
        window);
}

double moving(leased_semaphore::session& session, std::vector<shmsem::lease>& held, duration window) {
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

contestant one_free_of(unsigned permits, free_one where) {
    return {"shmsem, " + std::to_string(permits), [permits, where](const effort& work) -> sample {
                leased_semaphore lock(permits);
                const auto reports = run_crew(1, work.patience, [&](member& self) {
                    pin(0);
                    auto session = lock.join();
                    auto held = take_all(session, permits);
                    take_precedence();
                    self.report(0, where == free_one::moving ? moving(session, held, work.window)
                                                             : standing(session, held, where, work.window));
                });
                return {reports[0][0]};
            }};
}

}  // namespace

void add_many_permits(std::vector<benchmark>& to) {
    const std::pair<const char*, free_one> places[] = {
        {"first", free_one::first}, {"middle", free_one::middle}, {"last", free_one::last}, {"moving", free_one::moving}};
    for (const auto& [word, where] : places) {
        to.push_back(
            {std::string("many-permits/") + word,
             "acquire + release with 1 free of 10,000 permits against 1 free of 10; the free one: " + std::string(word),
             {{"pair", "ns", better::lower}},
             one_free_of(10'000, where),
             {{one_free_of(10, where), {5.0}}}});
    }
}

}  // namespace semabench
