/* A background thread, which reaps and takes back what has expired. */

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
