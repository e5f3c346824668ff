/* A thread that acquires once and releases. */

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
    /* core/acquire.cpp: wait_in_queue(); core/claimed_node.hpp: claimed_node */
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
    /* core/waiting.cpp: wait::run() */
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
