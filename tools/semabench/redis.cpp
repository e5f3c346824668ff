#include <algorithm>
#include <string>

#include "benchmark.hpp"
#include "peers_redis.hpp"
#include "peers_shmsem.hpp"
#include "process.hpp"
#include "timing.hpp"

// Against what people use today for leases that expire and first come, first served. Nothing is pinned or preferred: the server
// is one more process that wants a processor.

namespace semabench {

namespace {

template <lock_to_measure Lock>
contestant clients(int count, unsigned permits, int batch) {
    return {Lock::name, [=](const effort& work) -> sample {
                Lock lock(permits);
                const auto reports = run_crew(count, work.patience, [&](member& self) {
                    auto session = lock.join();
                    const auto pair = [&] {
                        auto held = session.acquire();
                        session.release(held);
                    };
                    per_second(pair, work.window / 10, batch);
                    self.meet();
                    self.report(0, per_second(pair, work.window * 4, batch));
                });
                double total = 0;
                for (const auto& report : reports) total += report[0];
                return {total};
            }};
}

}  // namespace

void add_redis(std::vector<benchmark>& to) {
    struct scene {
        const char* name;
        const char* text;
        int count;
        unsigned permits;
        target wanted;
    };
    const scene scenes[] = {{"1-client", "1 client, 1 permit", 1, 1, 10'000},
                            {"8-clients", "8 clients, 8 permits", 8, 8, {}},
                            {"8-clients-wait", "8 clients, 1 permit: they wait for each other", 8, 1, {}}};
    for (const auto& [name, text, count, permits, wanted] : scenes) {
        to.push_back(benchmark{std::string("redis/") + name,
                               std::string("pairs per second of all together, ") + text,
                               {{"total", "/s", better::higher}}}
                         .compare(clients<leased_semaphore>(count, permits, permits > 1 || count == 1 ? 500 : 10),
                                  {{clients<redis_semaphore>(count, permits, 2), {wanted}}}));
    }
}

}  // namespace semabench
