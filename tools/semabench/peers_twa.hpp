#pragma once

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <climits>
#include <cstddef>
#include <cstdint>

#include "cpu.hpp"
#include "process.hpp"
#include "session.hpp"

// The ticket semaphore of Dice and Kogan, "Semaphores Augmented with a Waiting Array" (arXiv 2501.18447): what first come,
// first served costs where nobody can die, nothing expires and nobody is on record. It is meant for the threads of one
// process; here its words and the array lie in anonymous memory that forked processes share.
//
//   take   ticket = tickets++; mine once grants > ticket. The next in line (threshold 1) watches grants itself, the others each
//          a counter of the waiting array, found by hash of their ticket, so that a post disturbs one of them and not all.
//   post   was = grants++; then the counter of ticket was + 1 goes up: its owner is the next in line now.
//
// The waiter reads its counter before it looks at grants again: a post in between has moved the counter, and none is missed.
// Where there are more processes than processors, a waiter that only spins keeps the holder from running. So both variants yield
// the processor when a short spin did not help; `parking` sleeps at its counter in the kernel instead of watching it.

namespace semabench {

enum class twa_wait { yielding, parking };

template <twa_wait Wait>
class twa_semaphore {
    struct counter {
        std::atomic<std::uint32_t> moves{0};
        std::atomic<std::uint32_t> asleep{0};
    };
    struct state {
        explicit state(unsigned permits) : grants(permits) {}
        alignas(64) std::atomic<std::uint64_t> tickets{0};
        std::atomic<std::uint64_t> grants;
        alignas(64) std::array<counter, 4096> array{};
        counter& of(std::uint64_t ticket) { return array[(ticket * 17) % array.size()]; }
    };

   public:
    static constexpr const char* name = Wait == twa_wait::parking ? "TWA, parking" : "TWA, yielding";

    explicit twa_semaphore(unsigned permits) : state_(permits) {}

    struct session {
        state* shared_state;

        nothing acquire() const {
            auto& s = *shared_state;
            const auto ticket = s.tickets.fetch_add(1);
            while (s.grants.load() <= ticket) {
                if (next_in_line(s, ticket)) {
                    wait_while([&] { return s.grants.load() <= ticket; });
                    break;
                }
                auto& mine = s.of(ticket);
                const auto seen = mine.moves.load();
                if (next_in_line(s, ticket)) continue;
                if constexpr (Wait == twa_wait::parking) {
                    sleep_at(mine, seen);
                } else {
                    wait_while([&] { return mine.moves.load() == seen; });
                }
            }
            return {};
        }

        void release(nothing) const {
            auto& s = *shared_state;
            auto& next = s.of(s.grants.fetch_add(1) + 1);
            next.moves.fetch_add(1);
            if constexpr (Wait == twa_wait::parking) {
                // Everybody at this counter: who is not next, having met the same hash, goes back to sleep.
                if (next.asleep.load() > 0) syscall(SYS_futex, &next.moves, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
            }
        }

       private:
        static bool next_in_line(const state& s, std::uint64_t ticket) { return s.grants.load() >= ticket; }

        template <class Condition>
        static void wait_while(Condition condition) {
            for (int turns = 0; condition(); ++turns) {
                if (turns < 100) {
                    spin_pause();
                } else {
                    sched_yield();
                }
            }
        }

        static void sleep_at(counter& mine, std::uint32_t seen) {
            for (int turns = 0; turns < 100; ++turns) {
                if (mine.moves.load() != seen) return;
                spin_pause();
            }
            mine.asleep.fetch_add(1);
            syscall(SYS_futex, &mine.moves, FUTEX_WAIT, seen, nullptr, nullptr, 0);
            mine.asleep.fetch_sub(1);
        }
    };
    session join() const { return {&*state_}; }

   private:
    shared<state> state_;
};

using twa_yielding = twa_semaphore<twa_wait::yielding>;
using twa_parking = twa_semaphore<twa_wait::parking>;

}  // namespace semabench
