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

/* slot word, layout/slot_word.hpp */
#define OPEN 0
#define held_by(p) (1 + (p))
#define granted_to(n) (1 + PROCESSES + (n))
#define is_granted(w) ((w) > PROCESSES)
#define node_of(w) ((w) - 1 - PROCESSES)
#define owner_of(w) ((w) > PROCESSES -> process_of(node_of(w)) : (w) - 1) /* of a word that is not open */
byte slot[PERMITS];
/* Its number of acquisitions matters only where one process may have the same slot twice. */
#if REJOINS || PROCESSES < THREADS
byte seq[PERMITS];
#define next_seq(s) seq[s] = (seq[s] + 1) % 4
#define seq_of(s) seq[s]
#else
#define next_seq(s) skip
#define seq_of(s) 0
#endif
#if EXPIRIES
bit expired[PERMITS]; /* its deadline has passed */
#define is_expired(s) expired[s]
#define renewed(s) expired[s] = 0
#else
#define is_expired(s) 0
#define renewed(s) skip
#endif

/* hint word, core/hints.hpp */
byte hint = 3;

/* gate word: its number of waiters, and whether dispatch is wanted */
byte gate;
bit wanted;

/* lock word: the owner's process */
byte lock = NOBODY;

/* node word, layout/words.hpp */
#define FREE 0
#define CLAIMED 1
#define WAITING 2
#define GRANTED 3
#define ABANDONED 4
byte node[THREADS];
bit signal[THREADS];   /* changed since its waiter looked */
byte ticket[THREADS];
byte next_ticket;
byte links;            /* a bit for each node in the queue; its order is that of the tickets */

/* entry word, layout/words.hpp; FREE as above */
#define ALIVE 1
#define DYING 2
byte entry[PROCESSES] = ALIVE;
#if REJOINS
byte generation[PROCESSES];
#define generation_of(p) generation[p]
#else
#define generation_of(p) 0
#endif
bit dead[PROCESSES]; /* what the kernel says, by the life word and the section words */

/* What only checks and budgets know. */
byte valid[PERMITS]; /* the thread + 1 whose lease of that slot is valid */
bit timed[THREADS];  /* the deadline of its wait has passed */
byte crashes, timeouts, expiries, rejoins;
bit at_work[PROCESSES];
bit finished[THREADS];

#define bit_of(n) (1 << (n))

/* All moves by `machine`: it lets a thread go on for one step, or takes its life. Between two steps a thread waits to be told; what
 * it does from there to the next is atomic. */
#define PLAYERS (THREADS + PROCESSES)
chan go[PLAYERS] = [0] of { byte };
#define ON 0
#define DIE 2
#define STEP(...) if :: go[me]?ON -> __VA_ARGS__ :: go[me]?DIE -> goto died fi
#define WAIT(condition, ...) if :: go[me]?eval(!(condition)) -> __VA_ARGS__ :: go[me]?DIE -> goto died fi
/* Inside a step */
#define WHEN(condition, then, otherwise) if :: condition -> then :: else -> otherwise fi

/* I1: nobody opens a slot under a valid lease. */
#define no_valid_lease(s) (valid[s] == 0 || dead[process_of(valid[s] - 1)])
#define open_slot(s) assert(no_valid_lease(s)); valid[s] = 0; slot[s] = OPEN; renewed(s)

/* robust/robust_lock.cpp: robust_lock::once(), robust_lock::owner_is_dead(): free, or its owner's section word is marked. */
#define lock_is_free (lock == NOBODY || dead[lock])
#define take_lock repair = (lock != NOBODY); lock = my_process

/* core/wait_queue.cpp: wait_queue::unlink() */
#define unlink(n) assert((links & bit_of(n)) && gate > 0); links = links & ~bit_of(n); gate--; drop_ticket(n)
/* Only the order of tickets matters: those after it move up, so that the same queue is always the same state. */
#define move_up(a, n) ticket[a] = ticket[a] - (ticket[a] > ticket[n])
#if THREADS > 2
#define drop_ticket(n) next_ticket--; move_up((n + 1) % 3, n); move_up((n + 2) % 3, n); ticket[n] = 0
#else
#define drop_ticket(n) next_ticket--; move_up(1 - n, n); ticket[n] = 0
#endif

#define is_head(n) ((links & bit_of(n)) && !precedes(0, n) && !precedes(1, n) && !precedes(THREADS - 1, n))
#define precedes(a, n) ((links & bit_of(a)) && ticket[a] < ticket[n])
#define find_head head = (is_head(0) -> 0 : (is_head(1) -> 1 : (is_head(THREADS - 1) -> THREADS - 1 : NOBODY)))

/* I3: no living waiter is older; and a newcomer that finds the gate open overtakes nobody. */
#define waits(n) (node[n] == WAITING && !dead[process_of(n)])
#define is_older(a, n) (waits(a) && ticket[a] < ticket[n])
#define check_order(n) assert(!is_older(0, n) && !is_older(1, n) && !is_older(THREADS - 1, n))
#define check_nobody_waits assert(!waits(0) && !waits(1) && !waits(THREADS - 1))

/* core/wait_queue.cpp: wait_queue::remove_abandoned() */
inline remove_abandoned(n) {
    STEP(unlink(n));
    STEP(assert(node[n] == ABANDONED); node[n] = FREE)
}

/* core/hints.hpp: hints::clear(), of a slot that was seen not open; `found` goes up by `counts` if it has opened since. */
inline clear_hint(counts) {
    STEP(hint = hint & ~bit_of(s));
    STEP(WHEN(slot[s] == OPEN, again = 1, skip));
    if
    :: again -> STEP(hint = hint | bit_of(s); found = found + counts; again = 0)
    :: else
    fi
}

/* core/dispatch.cpp: wait_queue::open_slots() */
inline open_slots(enough) {
    STEP(found = 0; bits = hint; s = 0);
    do
    :: s < PERMITS && found < enough ->
        if
        :: bits & bit_of(s) ->
            STEP(WHEN(slot[s] == OPEN, found++, miss = 1));
            if
            :: miss -> miss = 0; clear_hint(1)
            :: else
            fi
        :: else
        fi;
        s++
    :: else -> break
    od;
    bits = 0;
    s = 0
}

/* core/dispatch.cpp: wait_queue::take_back(). Nobody else grants, so a slot that is not granted to it stays so, and is no step. */
inline take_back(n) {
    s = 0;
    do
    :: s < PERMITS ->
        if
        :: slot[s] == granted_to(n) -> STEP(WHEN(slot[s] == granted_to(n), open_slot(s); again = 1, skip))
        :: else
        fi;
        if
        :: again -> STEP(hint = hint | bit_of(s); again = 0)
        :: else
        fi;
        s++
    :: else -> break
    od;
    s = 0
}

/* core/wait_queue.cpp: wait_queue::remember_to_wake() */
#ifdef SEED_NO_WAKE
#define remember_to_wake(n) skip
#else
#define remember_to_wake(n) WHEN(n != own, to_wake = to_wake | bit_of(n), skip)
#endif

/* core/dispatch.cpp: wait_queue::mark_granted(); `miss` when it waits no more */
inline mark_granted(n) {
    STEP(WHEN(node[n] == WAITING, check_order(n); node[n] = GRANTED, miss = 1));
    if
    :: !miss -> STEP(unlink(n); remember_to_wake(n))
    :: else
    fi
}

/* core/dispatch.cpp: wait_queue::take_out_front(), its loads. Node and entry are two: if the node changes between them, the
 * compare-exchange that follows fails, and the next round finds what is found here at once. */
#define NONE 0
#define LEFT 1
#define DEAD 2
#define LATE 3
#define SERVE 4
#define look_at_head \
    find_head; \
    if \
    :: head == NOBODY -> assert(gate == 0); verdict = NONE \
    :: head != NOBODY && node[head] == ABANDONED -> verdict = LEFT \
    :: head != NOBODY && node[head] == WAITING && entry[process_of(head)] != ALIVE -> verdict = DEAD \
    :: head != NOBODY && node[head] == WAITING && entry[process_of(head)] == ALIVE && timed[head] -> verdict = LATE \
    :: head != NOBODY && node[head] == WAITING && entry[process_of(head)] == ALIVE && !timed[head] -> verdict = SERVE \
    fi

/* core/dispatch.cpp: wait_queue::serve_all(), wait_queue::serve_leased(), wait_queue::install() */
inline dispatch() {
    STEP(again = wanted; wanted = 0);
    if
    :: again -> /* core/dispatch.cpp: wait_queue::take_out_abandoned() */
        again = 0;
        n = 0;
        do
        :: n < THREADS ->
            STEP(WHEN((links & bit_of(n)) && node[n] == ABANDONED, again = 1, skip));
            if
            :: again -> again = 0; remove_abandoned(n)
            :: else
            fi;
            n++
        :: else -> break
        od;
        n = 0
    :: else
    fi;
next_head:
    STEP(look_at_head);
    if
    :: verdict == NONE -> goto dispatched
    :: verdict == LEFT ->
        remove_abandoned(head);
        goto next_head
    :: verdict == DEAD -> /* its reaper frees the node */
        STEP(WHEN(node[head] == WAITING, node[head] = CLAIMED, goto next_head));
        STEP(unlink(head); goto next_head)
    :: verdict == LATE ->
        STEP(WHEN(node[head] == WAITING, node[head] = ABANDONED, goto next_head));
        remove_abandoned(head);
        goto next_head
    :: verdict == SERVE
    fi;
look_for_slots:
    open_slots(wants(head));
    if
    :: found < wants(head) ->
#ifdef SEED_SKIP_STUCK
        if
        :: !stuck && (links & ~bit_of(head)) ->
            stuck = 1;
            head = (links & ~bit_of(head) & 1 -> 0 : (links & ~bit_of(head) & 2 -> 1 : 2));
            goto look_for_slots
        :: else
        fi;
        stuck = 0;
#endif
        goto dispatched
    :: else
    fi;
    STEP(found = 0; bits = hint);
    do
    :: s < PERMITS && found < wants(head) ->
        if
        :: bits & bit_of(s) ->
            STEP(WHEN(slot[s] == OPEN, assert(valid[s] == 0); slot[s] = granted_to(head); next_seq(s); found++, miss = 1));
            if
            :: miss -> miss = 0; clear_hint(0)
            :: else
            fi
        :: else
        fi;
        s++
    :: else -> break
    od;
    bits = 0;
    s = 0;
    if
    :: found < wants(head) -> /* a newcomer took one */
        take_back(head);
        open_slots(wants(head));
        if
        :: found < wants(head) -> goto dispatched
        :: else -> goto next_head
        fi
    :: else
    fi;
    mark_granted(head);
    if
    :: miss -> miss = 0; take_back(head)
    :: else
    fi;
    goto next_head;
dispatched:
    verdict = NONE;
    found = 0;
    head = NOBODY
}

/* core/wait_queue.cpp: wait_queue::rebuild() */
inline rebuild() {
    found = 0;
    n = 0;
    do
    :: n < THREADS ->
        STEP(if
            :: node[n] == WAITING -> links = links | bit_of(n); found++
            :: node[n] != WAITING ->
                links = links & ~bit_of(n);
                WHEN(node[n] == ABANDONED, node[n] = FREE, skip);
                WHEN(ticket[n] > 0, drop_ticket(n), skip)
            fi;
            n++)
    :: else -> break
    od;
    n = 0;
    STEP(gate = found; wanted = 0; found = 0)
}

/* core/recovery.cpp: wait_queue::settle_slots(). A slot that is not granted stays so, and is no step. Slot, node and the other slot are read under the lock: of these only the
 * state of the node can change meanwhile, from waiting to abandoned, and that the compare-exchange of mark_granted() sees; and
 * a granted slot can be opened by a reaper or by expiry, as it can right after. */
#define has_all_granted(w) ((slot[0] == w) + (slot[1] == w) == wants(node_of(w)))
inline settle_slots() {
    n = 0;
    do
    :: n < PERMITS ->
        if
        :: is_granted(slot[n]) ->
            STEP(if
                :: is_granted(slot[n]) && node[node_of(slot[n])] != GRANTED ->
                    head = node_of(slot[n]);
                    miss = !(node[head] == WAITING && has_all_granted(slot[n]))
                :: else
                fi)
        :: else
        fi;
        if
        :: head != NOBODY ->
            if
            :: !miss -> mark_granted(head)
            :: else
            fi;
            if
            :: miss -> miss = 0; take_back(head)
            :: else
            fi;
            head = NOBODY
        :: else
        fi;
        n++
    :: else -> break
    od;
    n = 0
}

/* core/recovery.cpp: wait_queue::wake_all_served(). Nobody else serves, so a node that is not served stays so, and is no step. */
inline wake_all_served() {
    n = 0;
    do
    :: n < THREADS && node[n] == GRANTED -> STEP(signal[n] = (node[n] != FREE); n++)
    :: n < THREADS && node[n] != GRANTED -> n++
    :: else -> break
    od;
    n = 0
}

/* What is done under the lock */
mtype = { enqueue, remove, purge, just_dispatch };

/* core/wait_queue.hpp: once_under_lock(), under_lock(): with the lock taken, do `body` and then dispatch; then whoever asked
 * meanwhile is served, and the thread goes on at `returned`. In two parts, with the thread's bodies between them; and once for
 * each kind of thread, with places to jump to, since each copy makes spin's program larger. */
inline begin_locked() {
    if
    :: repair -> /* core/recovery.cpp: wait_queue::recover(); dispatch() comes at its end */
#ifdef SEED_NO_RECOVERY
        repair = 0
#else
        rebuild();
        STEP(hint = 3); /* core/wait_queue.hpp: wait_queue::reset_hints() */
#ifndef SEED_NO_SETTLING
        settle_slots();
#endif
        wake_all_served();
        goto serve
#endif
    :: else
    fi
}
inline end_locked() {
    dispatch();
    if
    :: repair -> repair = 0; goto run_body
#ifdef SEED_GATE_AFTER_SCAN
    :: !repair && stuck -> goto run_body
#endif
    :: else
    fi;
    if
    :: body == purge -> wake_all_served()
    :: else
    fi;
unlock:
    /* robust/robust_lock.cpp: robust_lock::unlock() */
    STEP(assert(lock == my_process); lock = NOBODY; own = NOBODY; body = just_dispatch);
    /* core/wait_queue.cpp: wait_queue::wake_granted(); to a node that is free it is one needless wake-up */
    n = 0;
    do
    :: n < THREADS ->
        if
        :: to_wake & bit_of(n) -> STEP(signal[n] = (node[n] != FREE); to_wake = to_wake & ~bit_of(n))
        :: else
        fi;
        n++
    :: else -> break
    od;
    n = 0;
    STEP(WHEN(wanted, skip, goto returned));

    /* core/wait_queue.cpp: request_dispatch() */
request:
    STEP(WHEN(lock_is_free, take_lock; goto under_lock, skip));
#ifndef SEED_NO_FLAG
    STEP(wanted = 1);
#endif
    STEP(WHEN(lock_is_free, take_lock; goto under_lock, skip));
returned:
    skip
}

#if EXPIRIES
/* core/reaper.cpp: sweep(); `taken` when it has opened a slot, or told of one that was open: then it looks at the gate */
#ifdef SEED_STALE_GATE
#define LOOK_AFTER_SWEEP goto request
#else
#define LOOK_AFTER_SWEEP STEP(WHEN(gate != 0, goto request, skip))
#endif
inline sweep() {
    s = 0;
    do
    :: s < PERMITS ->
        STEP(if
            :: slot[s] == OPEN -> again = 1
            :: slot[s] != OPEN && is_expired(s) -> open_slot(s); taken = 1; again = 1
            :: else
            fi);
        if
        :: again -> STEP(taken = (taken || !(hint & bit_of(s))); hint = hint | bit_of(s); again = 0)
        :: else
        fi;
        s++
    :: else -> break
    od;
    s = 0
}
#endif

/* core/leases.cpp: give_back(), core/fast_path.hpp: open_slot(): fails when the lease was lost */
inline give_back() {
    s = 0;
    do
    :: s < PERMITS ->
        if
        :: mine & bit_of(s) ->
            STEP(mine = mine & ~bit_of(s);
                if
                :: slot[s] == held_by(my_process) && my_seq[s] == seq_of(s) ->
                    assert(valid[s] == 0 || valid[s] == me + 1);
                    valid[s] = 0;
                    open_slot(s);
                    again = 1
                :: else -> assert(valid[s] != me + 1)
                fi;
                my_seq[s] = 0);
            if
            :: again -> STEP(hint = hint | bit_of(s); again = 0)
            :: else
            fi
        :: else
        fi;
        s++
    :: else -> break
    od;
    s = 0
}

#define take(s) \
    mine = mine | bit_of(s); my_seq[s] = seq_of(s); \
    WHEN(is_expired(s), skip, assert(valid[s] == 0); valid[s] = me + 1)

/* core/fast_path.hpp: take_slot() */
#define try_slot STEP(WHEN(slot[s] == OPEN, slot[s] = held_by(my_process); next_seq(s); take(s); goto release, skip))

#define locals byte head = NOBODY, bits, found, s, n, to_wake, verdict, own = NOBODY; mtype body = just_dispatch; bit again, miss, stuck, repair
#define clear_locals \
    head = NOBODY; bits = 0; found = 0; s = 0; n = 0; to_wake = 0; verdict = NONE; own = NOBODY; body = just_dispatch; \
    again = 0; miss = 0; stuck = 0; repair = 0

/* Where a user goes on after it had the lock, or left its wish to the lock's owner */
mtype = { sleeping, ending, acquiring };

proctype user(byte me) {
    locals;
    byte mine;
    byte my_seq[PERMITS];
    mtype next = sleeping;
#if EXPIRIES
    bit taken;
#endif

    atomic {
        skip;
acquire:
    /* core/leases.cpp: try_fast(), core/fast_path.hpp: may_enter(); for several permits to the queue at once */
    STEP(WHEN(gate == 0 && wants(me) == 1, check_nobody_waits; s = me % PERMITS, goto queue));
    try_slot;
    STEP(s = 0; bits = hint);
    do
    :: s < PERMITS ->
        if
        :: bits & bit_of(s) -> try_slot
        :: else
        fi;
        s++
    :: else -> break
    od;

queue:
    /* core/acquire.cpp: wait_in_queue(), claimed_node */
    STEP(s = 0; bits = 0; node[me] = CLAIMED);
    WAIT(lock_is_free, take_lock; body = enqueue; next = sleeping);
under_lock:
    begin_locked();
run_body:
    if
    :: body == enqueue -> /* core/wait_queue.cpp: wait_queue::enqueue() */
#ifdef SEED_GATE_AFTER_SCAN
        if
        :: !stuck -> stuck = 1; goto serve
        :: else -> stuck = 0
        fi;
#endif
        STEP(own = me; gate++);
        STEP(next_ticket++; ticket[me] = next_ticket; node[me] = WAITING; links = links | bit_of(me))
#ifdef SEED_GATE_AFTER_SCAN
        ;
        goto unlock
#endif
    :: body == remove ->
        STEP(WHEN(node[me] == ABANDONED, again = 1, skip));
        if
        :: again -> again = 0; remove_abandoned(me)
        :: else
        fi
    :: else
    fi;
serve:
    end_locked();

    if
    :: next == ending -> goto done
    :: next == acquiring -> goto acquire
    :: next == sleeping
    fi;
#if EXPIRIES
    if
    :: !taken ->
        sweep();
        if
        :: taken -> LOOK_AFTER_SWEEP
        :: else
        fi
    :: else
    fi;
    taken = 0;
#endif
    /* core/acquire.cpp: sleep_until_served() */
    STEP(signal[me] = 0);
look:
    STEP(if
        :: node[me] == WAITING && !timed[me]
        :: node[me] == WAITING && timed[me] -> node[me] = ABANDONED; goto leave /* claimed_node::abandon() */
        :: node[me] == GRANTED -> goto take_over
        :: else -> assert(timed[me]); goto leave /* taken out by others */
        fi);
    WAIT(signal[me] || timed[me], signal[me] = 0; goto look);

leave:
    /* core/acquire.cpp: wait_in_queue(), abandoned */
    STEP(next = ending; WHEN(lock_is_free, take_lock; body = remove; goto under_lock, goto request));

take_over:
    /* core/acquire.cpp: take_over(). No more is granted to a node that is, so a slot that is not granted to it is no step. */
    s = 0;
    do
    :: s < PERMITS && slot[s] == granted_to(me) ->
        STEP(WHEN(slot[s] == granted_to(me), slot[s] = held_by(my_process); take(s), skip); s++)
    :: s < PERMITS && slot[s] != granted_to(me) -> s++
    :: else -> break
    od;
    s = 0;
    if
    :: (mine & 1) + (mine >> 1) == wants(me) ->
        STEP(node[me] = FREE; next = ending)
    :: else -> /* expired before it was received */
        give_back();
        STEP(node[me] = FREE; next = acquiring; WHEN(gate != 0, goto request, goto acquire))
    fi;

release:
    /* core/leases.cpp: release() */
    bits = 0;
    next = ending;
    give_back();
    /* core/fast_path.hpp: look_at_gate() */
    STEP(WHEN(gate != 0, goto request, skip));

done:
    next = sleeping;
    signal[me] = 0;
    timed[me] = 0;
    finished[me] = 1;
    WAIT(false, skip);

died:
        clear_locals;
        mine = 0; my_seq[0] = 0; my_seq[1] = 0; next = sleeping;
        signal[me] = 0; timed[me] = 0; finished[me] = 1;
#if REJOINS
        /* robust/membership.cpp: membership::join() */
        WAIT(rejoins > 0 && entry[my_process] == FREE,
            rejoins--;
            finished[me] = 0;
            generation[my_process] = 1;
            entry[my_process] = ALIVE;
            dead[my_process] = 0;
            goto acquire)
#else
        WAIT(false, skip)
#endif
    }
}

#define entry_is_ours (entry[d] == DYING && generation_of(d) == born)
#ifdef SEED_REAP_BY_INDEX
#define may_open 1
#else
#define may_open entry_is_ours
#endif

/* core/reaper.cpp: open_slots_of(). The check of the entry is made after the word was read and before the compare-exchange. */
inline open_slots_of() {
    s = 0;
    do
    :: s < PERMITS ->
        STEP(WHEN(slot[s] != OPEN && owner_of(slot[s]) == d && may_open, word = slot[s]; word_seq = seq_of(s), skip));
        if
        :: word != OPEN ->
            STEP(WHEN(slot[s] == word && seq_of(s) == word_seq, open_slot(s); opened = 1; again = 1, skip); word = OPEN; word_seq = 0);
            if
            :: again -> STEP(hint = hint | bit_of(s); again = 0)
            :: else
            fi
        :: else
        fi;
        s++
    :: else -> break
    od;
    s = 0
}

#define works(p) (at_work[p] && !dead[p])
#define is_left(p) (dead[p] && entry[p] != FREE)
/* While nobody else may die, background threads are alike, and the first that lives stands for all. */
#define first_alive(p) ((p) == 0 || (dead[0] && ((p) == 1 || dead[1])))
#define may_work (!dead[my_process] && reapers < REAPERS && (REAPERS > 1 || crashes > 0 || first_alive(my_process)))
#define some_expired ((slot[0] != OPEN && expired[0]) || (slot[1] != OPEN && expired[1]))
#if PROCESSES > 2
#define reapers (works(0) + works(1) + works(2))
#define some_left (is_left(0) || is_left(1) || is_left(2))
#else
#define reapers (works(0) + works(1))
#define some_left (is_left(0) || is_left(1))
#endif

/* The background thread, core/keeper.cpp: keeper::watch_or_reap(), keeper::look_after_semaphore() */
proctype background(byte me) {
    locals;
    byte d = NOBODY, word, word_seq, born;
    bit opened, looked;
#if EXPIRIES
    bit taken;
#endif
    atomic {
        skip;
idle:
        /* One of these two */
        if
        :: go[me]?eval(!(some_left && may_work)) ->
            at_work[my_process] = 1;
            if
            :: is_left(0) -> d = 0
            :: is_left(1) -> d = 1
#if PROCESSES > 2
            :: is_left(2) -> d = 2
#endif
            fi;
            /* robust/membership.cpp: membership::mark_if_dead() */
            entry[d] = DYING;
            born = generation_of(d)
#if EXPIRIES
        :: go[me]?eval(!(some_expired && may_work)) ->
            at_work[my_process] = 1;
            looked = (gate != 0);
            goto expiry
#endif
        fi;
        /* core/reaper.cpp: reap_process(), take_back_all() */
        open_slots_of();
        opened = 0;
        WAIT(lock_is_free, take_lock; body = purge);
    under_lock:
    begin_locked();
run_body:
        if
        :: body == purge -> /* core/wait_queue.cpp: wait_queue::purge() */
            n = 0;
            do
            :: n < THREADS ->
                if
                :: process_of(n) == d ->
                    STEP(WHEN(entry_is_ours, word = node[n], skip));
                    if
                    :: word == WAITING || word == ABANDONED ->
                        STEP(WHEN(node[n] == word, node[n] = CLAIMED; word = CLAIMED, word = FREE));
                        if
                        :: word == CLAIMED -> STEP(unlink(n))
                        :: else
                        fi
                    :: else
                    fi;
                    if
                    :: word == GRANTED || word == CLAIMED -> STEP(WHEN(node[n] == word, node[n] = FREE, skip); word = FREE)
                    :: else
                    fi
                :: else
                fi;
                n++
            :: else -> break
            od;
            n = 0;
            STEP(hint = 3)
        :: else
        fi;
serve:
        end_locked();
        if
        :: d == NOBODY -> goto rest
        :: looked -> looked = 0
        :: else ->
            open_slots_of();
            if
            :: opened -> opened = 0; looked = 1; goto request
            :: else
            fi
        fi;
        /* core/reaper.cpp: free_nodes_of() */
        n = 0;
        do
        :: n < THREADS ->
            if
            :: process_of(n) == d ->
                STEP(WHEN(entry_is_ours, word = node[n], skip));
                if
                :: word != FREE -> STEP(WHEN(node[n] == word, node[n] = FREE, skip); word = FREE)
                :: else
                fi
            :: else
            fi;
            n++
        :: else -> break
        od;
        n = 0;
        /* robust/membership.cpp: membership::free_entry() */
        STEP(WHEN(entry_is_ours, assert(lock != d); entry[d] = FREE, skip); d = NOBODY; born = 0; at_work[my_process] = 0; goto idle);
rest:
        at_work[my_process] = 0;
        goto idle;
#if EXPIRIES
expiry:
        sweep();
#ifndef SEED_STALE_GATE
        if
        :: taken -> STEP(looked = looked || gate != 0)
        :: else
        fi;
#endif
        taken = 0;
        if
        :: looked -> looked = 0; goto request
        :: else -> goto rest
        fi;
#endif
died:
        clear_locals;
        d = NOBODY; word = 0; word_seq = 0; born = 0; opened = 0; looked = 0; at_work[my_process] = 0;
#if EXPIRIES
        taken = 0;
#endif
        goto idle
    }
}

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
