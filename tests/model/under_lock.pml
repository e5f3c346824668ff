/* What is done under the semaphore's lock, and the lock itself. */

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
