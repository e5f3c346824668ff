/*
 * The core of a leased semaphore for spin: slots, gate, hints, queue, grants, the robust lock and its recovery, reaping, time-outs
 * and expiry, where a process may die between any two steps. README.md says what is covered, and by which searches.
 *
 * How to read it. STEP(...) is one access to shared memory and what follows from it in the process alone; between two steps others
 * run, or the process dies. The comment above names what it stands for as "file: function()"; a test checks that those exist.
 *
 * What is one step here though the code takes several accesses, and why no behaviour is lost:
 *  - A load, and the compare-exchange on what was loaded. If that succeeds the word was the same all the while, so the load may
 *    be moved to it. If it fails the word had changed, and the step may be moved to just after the change, which it sees. So it is
 *    with the lock too: every ownership is another word.
 *  - What only the owner of the lock reads and writes: links, tickets, granted_to. It goes with the access before or after it. A
 *    death in between leaves it half written; but rebuild() makes it anew from the words before anybody reads it. granted_to is
 *    looked at only where the slot is granted, and is written before that and not again until it is open.
 *  - A load that tells that there is nothing to do, where that stays so; it is said where.
 *  - All threads of a process die at once, and the kernel marks the life word and the section words at once. While one is not marked
 *    yet, whoever looks at it sees what it would have seen before the death.
 *
 * Each thread has one waiter node, which has its number; a slot that is granted names the node, and with it the process.
 */

/* Who wants what. Two threads may be of one process. */
#ifndef THREADS
#define THREADS 3
#endif
#ifndef PROCESSES
#define PROCESSES THREADS
#endif
#if PROCESSES == THREADS
#define process_of(t) ((t) % THREADS)
#else
#define process_of(t) ((t) >= THREADS -> (t) - THREADS : ((t) == 0 -> 0 : (t) - 1)) /* threads 0 and 1 are of process 0 */
#endif
#define my_process process_of(me)
#define PERMITS 2
#ifndef LAST_WANTS
#define LAST_WANTS 1 /* permits at once, for the last thread; the others want one */
#endif
#define wants(t) (t == THREADS - 1 -> LAST_WANTS : 1)

/* How many of each there may be, at most. */
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef TIMEOUTS
#define TIMEOUTS 0
#endif
#ifndef EXPIRIES
#define EXPIRIES 0
#endif
#ifndef REJOINS
#define REJOINS 0 /* processes that take the entry of a dead one */
#endif
#ifndef REAPERS
#define REAPERS 1 /* background threads that reap at the same time */
#endif

#define NOBODY 15

#include "words.pml"
#include "under_lock.pml"
#include "user.pml"
#include "background.pml"

#define move(t) go[t]!ON
#define kill(p) atomic { \
        crashes > 0 && !dead[p] && may_be_killed(p) -> \
        crashes--; \
        dead[p] = 1; \
        kill_threads_of(p); \
        WHEN(at_work[p], go[THREADS + p]!DIE, skip) \
    }
#if PROCESSES == THREADS
#define kill_threads_of(p) go[p]!DIE
#else
#define kill_threads_of(p) WHEN(p == 0, go[0]!DIE; go[1]!DIE, go[2]!DIE)
#endif
#ifdef VICTIM
#define may_be_killed(p) (p == VICTIM)
#else
#define may_be_killed(p) 1
#endif
#define let_time_out(n) atomic { timeouts > 0 && node[n] == WAITING && !timed[n] && !dead[process_of(n)] -> timed[n] = 1; timeouts-- }
#define let_expire(s) atomic { expiries > 0 && slot[s] != OPEN && !expired[s] -> expired[s] = 1; valid[s] = 0; expiries-- }

#if PROCESSES > 2
#define all_dead (dead[0] && dead[1] && dead[2])
#else
#define all_dead (dead[0] && dead[1])
#endif
/* When nothing moves any more: what is true if anybody lives. */
inline judge() {
    byte k;
    do
    :: k < THREADS ->
        assert(finished[k]);                             /* no wake-up is lost */
        assert(node[k] == FREE && !(links & bit_of(k))); /* no node is left */
        assert(!dead[process_of(k)] || entry[process_of(k)] == FREE); /* no process entry */
        k++
    :: else -> break
    od;
    k = 0;
    do
    :: k < PERMITS -> assert(slot[k] == OPEN && (hint & bit_of(k)) && valid[k] == 0); k++ /* no permit is lost */
    :: else -> break
    od;
    assert(gate == 0 && lock_is_free)
}

#ifdef EXACTLY
#define up_to(budget, most) budget = most
#else
#define up_to(budget, most) budget = 0; do :: budget < most -> budget++ :: break od
#endif

/* The machine, and the clock */
init {
    atomic {
        byte k;
        up_to(crashes, CRASHES);
        up_to(timeouts, TIMEOUTS);
        up_to(expiries, EXPIRIES);
        rejoins = REJOINS;
        do
        :: k < THREADS -> run user(k); k++
        :: else -> break
        od;
        do
        :: k < PLAYERS -> run background(k); k++
        :: else -> break
        od;
        k = 0
    };
    do
    :: move(0)
    :: move(1)
    :: move(2)
    :: move(3)
#if PLAYERS > 4
    :: move(4)
#endif
#if PLAYERS > 5
    :: move(5)
#endif
    :: kill(0)
    :: kill(1)
#if PROCESSES > 2
    :: kill(2)
#endif
#if TIMEOUTS
    :: let_time_out(0)
    :: let_time_out(1)
#if THREADS > 2
    :: let_time_out(2)
#endif
#endif
#if EXPIRIES
    :: let_expire(0)
    :: let_expire(1)
#endif
    :: timeout -> break
    od;
    atomic {
        if
        :: all_dead
        :: else -> judge()
        fi
    }
}
