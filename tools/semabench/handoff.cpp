#include <algorithm>
#include <atomic>
#include <cstdint>
#include <iterator>
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

// How long a permit takes from one process to another that waits for it. Three shapes:
//   contended  both processes acquire and release the one permit as fast as they can; the time is divided by the changes of
//              owner, not by the acquisitions, so a lock that lets the same process in again gains nothing from that. Only
//              with a processor each: on one the two would simply alternate time slices.
//   chase      three semaphores of one permit; each process takes the next before it lets go of the last. That forces strict
//              turns on any lock, so it is the like of ping-pong for locks that only their holder may release.
//   ping-pong  two semaphores that start empty; each process posts the other's and waits for its own. This is how sem_t has
//              to be used to get strict turns at all.

namespace semabench {

namespace {

struct scene {
    std::atomic<std::int64_t> end{0};
    // Written only by whoever holds the permit, so no atomics: were two to hold it at once, the count would be wrong too.
    alignas(64) int owner = -1;
    std::uint64_t changes = 0;
    alignas(64) std::atomic<bool> over{false};
};

void start_together(member& self, scene& place, duration window) {
    self.meet();
    if (self.rank() == 0) place.end.store(now_ns() + window.count());
    self.meet();
}

template <lock_to_measure Lock>
contestant contended_turns() {
    return {Lock::name, [](const effort& work) -> sample {
                Lock lock(1);
                shared<scene> place;
                const auto window = work.window * 2;
                run_crew(2, work.patience, [&](member& self) {
                    pin(self.rank());
                    auto session = lock.join();
                    {
                        auto held = session.acquire();
                        session.release(held);
                    }
                    start_together(self, *place, window);
                    const auto end = place->end.load();
                    while (now_ns() < end) {
                        auto held = session.acquire();
                        if (place->owner != self.rank()) {
                            place->owner = self.rank();
                            ++place->changes;
                        }
                        session.release(held);
                    }
                });
                if (place->changes == 0) return {0};
                return {static_cast<double>(window.count()) / static_cast<double>(place->changes)};
            }};
}

contestant chase(bool one_processor) {
    return {"shmsem, chase", [one_processor](const effort& work) -> sample {
                leased_semaphore lock(1);
                shared<scene> place;
                const auto window = work.window * 2;
                const auto reports = run_crew(2, work.patience, [&](member& self) {
                    pin(one_processor ? 0 : self.rank());
                    const auto home = lock.join().home;
                    leased_semaphore::session ring[] = {lock.join(home, "0"), lock.join(home, "1"), lock.join(home, "2")};
                    auto at = static_cast<std::size_t>(self.rank());
                    auto held = ring[at].acquire();
                    start_together(self, *place, window);
                    const auto end = place->end.load();
                    std::uint64_t steps = 0;
                    for (; now_ns() < end; ++steps) {
                        at = (at + 1) % std::size(ring);
                        auto next = ring[at].acquire();
                        held.release();
                        held = std::move(next);
                    }
                    self.report(0, static_cast<double>(steps));
                });
                return {static_cast<double>(window.count()) / std::max(1.0, reports[0][0] + reports[1][0])};
            }};
}

struct two_posix {
    posix_semaphore first{0};
    posix_semaphore second{0};
    auto join(int which) { return (which == 0 ? first : second).join(); }
};
struct two_boost {
    boost_semaphore first{0};
    boost_semaphore second{0};
    auto join(int which) { return (which == 0 ? first : second).join(); }
};
struct two_ownerless {
    ownerless_semaphore both{0};
    auto join(int which) { return both.join(which == 0 ? "ping" : "pong"); }
};

template <class Pair>
contestant ping_pong(const char* name, bool one_processor) {
    return {name, [one_processor](const effort& work) -> sample {
                Pair pair;
                shared<scene> place;
                const auto window = work.window * 2;
                const auto reports = run_crew(2, work.patience, [&](member& self) {
                    pin(one_processor ? 0 : self.rank());
                    auto mine = pair.join(self.rank());
                    auto other = pair.join(1 - self.rank());
                    start_together(self, *place, window);
                    const auto start = now_ns();
                    std::uint64_t rounds = 0;
                    if (self.rank() == 0) {
                        const auto end = place->end.load();
                        auto now = start;
                        do {  // once at least, however late this process was let run
                            other.release({});
                            mine.acquire();
                            now = now_ns();
                            ++rounds;
                        } while (now < end);
                        self.report(0, static_cast<double>(now - start) / static_cast<double>(2 * rounds));
                        place->over.store(true);
                        other.release({});
                    } else {
                        for (mine.acquire(); !place->over.load(); mine.acquire()) other.release({});
                    }
                });
                return {reports[0][0]};
            }};
}

}  // namespace

void add_handoff(std::vector<benchmark>& to) {
    const std::vector<measure> hop = {{"hop", "ns", better::lower}};
    to.push_back(benchmark{"handoff/contended", "one permit, two processes in turn, a processor each", hop}.compare(
        contended_turns<leased_semaphore>(), {{ping_pong<two_posix>("sem_t ping-pong", false), {1.1}},
                                              {ping_pong<two_boost>("Boost ping-pong", false)},
                                              {contended_turns<twa_yielding>()},
                                              {contended_turns<twa_parking>()},
                                              {contended_turns<sysv_semaphore>()},
                                              {contended_turns<robust_pthread_mutex>()},
                                              {contended_turns<flock_lock>()}}));
    for (const bool one : {false, true}) {
        const std::string where = one ? "one-cpu" : "two-cpus";
        const std::string text = one ? ", both on one processor" : ", a processor each";
        to.push_back(
            benchmark{"handoff/chase-" + where, "permits handed from one process to another in strict turns" + text, hop}
                .compare(chase(one), {{ping_pong<two_posix>("sem_t ping-pong", one), {1.1}}}));
        to.push_back(
            benchmark{"handoff/ownerless-" + where, "ping-pong with two semaphores of the ownerless kind" + text, hop}
                .compare(ping_pong<two_ownerless>("shmsem ownerless", one),
                         {{ping_pong<two_posix>("sem_t ping-pong", one), {1.1}}}));
    }
}

}  // namespace semabench
