#include <algorithm>
#include <string>

#include "benchmark.hpp"
#include "peers_redis.hpp"
#include "peers_shmsem.hpp"
#include "process.hpp"
#include "timing.hpp"

// Against what people use today for leases that expire and first come, first served. Nothing is preferred, and nothing
// pinned but where a name says so: the server is one more process that wants a processor.

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
    const std::vector<measure> total = {{"total", "/s", better::higher}};
    const std::string question = "pairs per second of all together, ";
    to.push_back(benchmark{"redis/1-client", question + "1 client, 1 permit", total}.compare(
        clients<leased_semaphore>(1, 1, 500),
        {{clients<redis_semaphore>(1, 1, 2), {10'000}}, {clients<redis_semaphore_beside>(1, 1, 2), {10'000}}}));
    to.push_back(benchmark{"redis/8-clients", question + "8 clients, 8 permits", total}.compare(
        clients<leased_semaphore>(8, 8, 500), {{clients<redis_semaphore>(8, 8, 2)}}));
    to.push_back(
        benchmark{"redis/8-clients-wait", question + "8 clients, 1 permit: they wait for each other", total}.compare(
            clients<leased_semaphore>(8, 1, 10), {{clients<redis_semaphore>(8, 1, 2)}}));
}

}  // namespace semabench
