/*
 * A leased semaphore of two permits and three processes, each of which may die at any step: slots, gate, queue, grants, the
 * robust lock and its recovery, reaping, expiry and time-outs, as in src/core and src/robust. Each process is two threads, `user`
 * and `keeper` (the background thread), and has one waiter node. Comments name the function that a step stands for; every access
 * to shared memory is a step of its own, and between any two steps others run or a process dies.
 *
 * Not modelled: sequence numbers (no index is used again here, so no word comes round), memory orderings (all steps that two
 * processes race for are sequentially consistent in the code), resizing, the ownerless kind, and the backstops: a wake-up that
 * only the background thread's look every 5 s would make up for is an error here.
 *
 * To run it, with -DCRASHES=n, -DTIMEOUTS=n and -DEXPIRIES=n for how many of each there may be:
 *   spin -a -DCRASHES=0 semaphore.pml && cc -O2 -DCOLLAPSE -DSAFETY -DVECTORSZ=4096 -o pan pan.c && ./pan -m300000
 * With -DSEED_GATE_AFTER_SCAN (the gate is raised after the look for open slots) or -DSEED_NO_WAKE it has to find an error.
 *
 * Checked: a lease ends by nobody's hand but its holder's, expiry's or a reaper's after death (I1); nobody is granted a permit
 * before a waiter with an older ticket (I3); when nothing moves any more every permit is open and can be found, no node, lock or
 * process entry is left, and whoever lives has got what it wanted (I2, I4, I5).
 */
#define PROCESSES 3
#define PERMITS 2
#define NOBODY 9
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef TIMEOUTS
#define TIMEOUTS 1
#endif
#ifndef EXPIRIES
#define EXPIRIES 0
#endif
#ifndef LAST_WANTS
#define LAST_WANTS 2 /* permits at once, for the last process; the others want one */
#endif
#define wants(p) (p == PROCESSES - 1 -> LAST_WANTS : 1)

mtype = { open, held, granted };                         /* slot */
mtype = { free_, claimed, waiting, served, abandoned };  /* node */
mtype = { alive, dying, gone };                          /* process entry */

mtype slot[PERMITS] = open;
byte owner[PERMITS];
byte granted_to[PERMITS];
bit hint[PERMITS] = 1;

byte gate;
bit dispatch_wanted;
byte lock = NOBODY;

mtype node[PROCESSES] = free_;
byte ticket[PROCESSES];
bit linked[PROCESSES]; /* the queue: in the order of the tickets */
byte next_ticket;
bit signal[PROCESSES]; /* changed since its waiter looked */

mtype entry[PROCESSES] = alive;
bit dead[PROCESSES];

/* What only the checks know. */
bit lost[PROCESSES]; /* its lease has expired */
bit done[PROCESSES];
byte timeouts;
byte expiries;

/* robust_lock::once() */
#define lock_free (lock == NOBODY || dead[lock])

/* wait_queue::unlink() */
inline unlink(n) {
    linked[n] = 0;
    assert(gate > 0);
    gate--;
}

/* The oldest ticket in the links, which the lock's owner alone reads. */
inline find_head() {
    d_step {
        head = NOBODY;
        i = 0;
        do
        :: i < PROCESSES ->
            if
            :: linked[i] && (head == NOBODY || ticket[i] < ticket[head]) -> head = i
            :: else
            fi;
            i++
        :: else -> break
        od;
        i = 0
    }
}

/* wait_queue::mark_granted(): the node, then out of the links; who is to be woken after the unlock. */
inline mark_granted(n) {
    if
    :: atomic {
        node[n] == waiting ->
        node[n] = served;
        /* FIFO: no living waiter is older. */
        j = 0;
        do
        :: j < PROCESSES -> assert(!(node[j] == waiting && !dead[j] && ticket[j] < ticket[n])); j++
        :: else -> break
        od;
        j = 0
      };
      unlink(n);
#ifndef SEED_NO_WAKE
      if
      :: n != own -> to_wake = to_wake | (1 << n)
      :: else
      fi;
#endif
      marked = 1
    :: node[n] != waiting -> marked = 0
    fi
}

/* wait_queue::take_back() */
inline take_back(n) {
    j = 0;
    do
    :: j < PERMITS ->
        if
        :: atomic { slot[j] == granted && granted_to[j] == n -> slot[j] = open; owner[j] = NOBODY };
           hint[j] = 1
        :: !(slot[j] == granted && granted_to[j] == n)
        fi;
        j++
    :: else -> break
    od;
    j = 0
}

/* wait_queue::open_slots(), hints::clear() */
inline count_open(enough) {
    found = 0;
    i = 0;
    do
    :: i < PERMITS && found < enough ->
        if
        :: hint[i] ->
            if
            :: slot[i] == open -> found++
            :: slot[i] != open ->
                hint[i] = 0;
                if
                :: slot[i] == open -> hint[i] = 1; found++
                :: slot[i] != open
                fi
            fi
        :: !hint[i]
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

/* wait_queue::serve_leased(); `stuck` when there are too few permits for the first in line. */
inline serve(n) {
    stuck = 0;
    count_open(wants(n));
    if
    :: found < wants(n) -> stuck = 1
    :: else ->
        found = 0;
        i = 0;
        do
        :: i < PERMITS && found < wants(n) ->
            if
            :: hint[i] ->
                granted_to[i] = n;
                if
                :: atomic { slot[i] == open -> slot[i] = granted; owner[i] = n }; found++
                :: slot[i] != open ->
                    hint[i] = 0;
                    if
                    :: slot[i] == open -> hint[i] = 1
                    :: slot[i] != open
                    fi
                fi
            :: !hint[i]
            fi;
            i++
        :: else -> break
        od;
        i = 0;
        if
        :: found < wants(n) -> take_back(n); count_open(wants(n)); stuck = (found < wants(n))
        :: else ->
            mark_granted(n);
            if
            :: !marked -> take_back(n)
            :: else
            fi
        fi
    fi
}

/* wait_queue::remove_abandoned() */
inline remove_abandoned(n) {
    if
    :: linked[n] && node[n] == abandoned -> unlink(n); node[n] = free_
    :: else
    fi
}

/* wait_queue::dispatch() */
inline dispatch() {
    if
    :: atomic { dispatch_wanted -> dispatch_wanted = 0 };
       k = 0;
       do
       :: k < PROCESSES -> remove_abandoned(k); k++
       :: else -> break
       od;
       k = 0
    :: !dispatch_wanted
    fi;
    do
    :: find_head();
       if
       :: head == NOBODY -> break
       :: else ->
           if
           :: node[head] == abandoned -> remove_abandoned(head)
           :: node[head] == waiting && entry[head] != alive -> /* take_out_front() */
               if
               :: atomic { node[head] == waiting -> node[head] = claimed }; unlink(head)
               :: node[head] != waiting
               fi
           :: node[head] == waiting && entry[head] == alive ->
               serve(head);
               if
               :: stuck -> break
               :: else
               fi
           fi
       fi
    od;
    stuck = 0;
    found = 0;
    marked = 0;
    head = NOBODY
}

/* wait_queue::recover(): rebuild(), reset_hints(), settle_slots(), wake_all_served(); dispatch() comes after it anyway. */
inline recover() {
    k = 0;
    found = 0;
    do
    :: k < PROCESSES ->
        if
        :: atomic { node[k] == waiting -> linked[k] = 1; found++ }
        :: atomic { node[k] == abandoned -> linked[k] = 0; node[k] = free_ }
        :: atomic { node[k] != waiting && node[k] != abandoned -> linked[k] = 0 }
        fi;
        k++
    :: else -> break
    od;
    atomic { gate = found; dispatch_wanted = 0 };
    found = 0;
    k = 0;
    do
    :: k < PERMITS -> hint[k] = 1; k++
    :: else -> break
    od;
    k = 0;
    do
    :: k < PERMITS ->
        if
        :: slot[k] == granted ->
            head = granted_to[k];
            if
            :: node[head] == served
            :: node[head] == waiting ->
                d_step {
                    found = 0;
                    i = 0;
                    do
                    :: i < PERMITS -> found = found + (slot[i] == granted && granted_to[i] == head -> 1 : 0); i++
                    :: else -> break
                    od;
                    i = 0
                };
                if
                :: found == wants(head) ->
                    mark_granted(head);
                    if
                    :: !marked -> take_back(head)
                    :: else
                    fi
                :: else -> take_back(head)
                fi;
                found = 0
            :: node[head] != served && node[head] != waiting -> take_back(head)
            fi
        :: slot[k] != granted
        fi;
        k++
    :: else -> break
    od;
    k = 0;
    wake_all_served()
}

inline wake_all_served() {
    k = 0;
    do
    :: k < PROCESSES ->
        if
        :: node[k] == served -> signal[k] = 1
        :: node[k] != served
        fi;
        k++
    :: else -> break
    od;
    k = 0
}

/* robust_lock::unlock(), then wait_queue::wake_granted() */
inline unlock_and_wake() {
    lock = NOBODY;
    own = NOBODY;
    k = 0;
    do
    :: k < PROCESSES ->
        if
        :: to_wake & (1 << k) -> signal[k] = 1
        :: else
        fi;
        k++
    :: else -> break
    od;
    k = 0;
    to_wake = 0
}

/* request_dispatch() */
inline request_dispatch(p) {
    raised = 0;
    do
    :: atomic { lock_free -> repair = (lock != NOBODY); lock = p };
       if
       :: repair -> recover()
       :: else
       fi;
       dispatch();
       unlock_and_wake();
       raised = 0;
       if
       :: dispatch_wanted
       :: !dispatch_wanted -> break
       fi
    :: !lock_free ->
       if
       :: raised -> break
       :: else -> dispatch_wanted = 1; raised = 1
       fi
    od;
    raised = 0
}

/* The end of under_lock() */
inline serve_who_asked(p) {
    if
    :: dispatch_wanted -> request_dispatch(p)
    :: !dispatch_wanted
    fi
}

/* look_at_gate() */
inline look_at_gate(p) {
    if
    :: gate != 0 -> request_dispatch(p)
    :: gate == 0
    fi
}

/* give_back(): one CAS, which fails when the lease was lost; then the hint. */
inline give_back(p) {
    k = 0;
    do
    :: k < PERMITS ->
        if
        :: mine & (1 << k) ->
            if
            :: atomic { slot[k] == held && owner[k] == p -> slot[k] = open; owner[k] = NOBODY }; hint[k] = 1
            :: !(slot[k] == held && owner[k] == p)
            fi
        :: else
        fi;
        k++
    :: else -> break
    od;
    k = 0;
    mine = 0
}

/* take_over(): granted slots become held. */
inline take_over(p) {
    k = 0;
    do
    :: k < PERMITS ->
        if
        :: atomic { slot[k] == granted && owner[k] == p && granted_to[k] == p -> slot[k] = held; mine = mine | (1 << k) }
        :: !(slot[k] == granted && owner[k] == p && granted_to[k] == p)
        fi;
        k++
    :: else -> break
    od;
    k = 0
}

#define count_mine ((mine & 1) + ((mine >> 1) & 1))

#define locals \
    byte i, j, k, found, head = NOBODY, to_wake, own = NOBODY; \
    bit marked, stuck, raised, repair

proctype user(byte p) {
    locals;
    byte mine;
    bit left;
    {
        do
        :: count_mine == wants(p) || left -> break
        :: else ->
            /* try_fast() */
            if
            :: gate == 0 && wants(p) == 1 ->
                k = 0;
                do
                :: k < PERMITS && mine == 0 ->
                    if
                    :: atomic { slot[k] == open -> slot[k] = held; owner[k] = p; mine = 1 << k }
                    :: slot[k] != open
                    fi;
                    k++
                :: else -> break
                od;
                k = 0
            :: gate != 0 || wants(p) > 1
            fi;
            if
            :: count_mine == wants(p) -> skip
            :: else ->
                /* wait_in_queue() */
                node[p] = claimed;
                atomic { lock_free -> repair = (lock != NOBODY); lock = p };
                if
                :: repair -> recover()
                :: else
                fi;
#ifdef SEED_GATE_AFTER_SCAN
                dispatch();
#endif
                own = p; /* wait_queue::enqueue() */
                gate++;
                d_step { next_ticket++; ticket[p] = next_ticket };
                node[p] = waiting;
                linked[p] = 1;
#ifndef SEED_GATE_AFTER_SCAN
                dispatch();
#endif
                unlock_and_wake();
                serve_who_asked(p);
                /* sleep_until_served() */
                do
                :: signal[p] = 0;
                   if
                   :: node[p] == served -> break
                   :: node[p] == waiting ->
                       if
                       :: signal[p] == 1 /* futex_wait() */
                       :: timeouts < TIMEOUTS ->
                           if
                           :: atomic { node[p] == waiting && timeouts < TIMEOUTS -> node[p] = abandoned; timeouts++ };
                              left = 1;
                              break
                           :: node[p] != waiting || timeouts == TIMEOUTS
                           fi
                       fi
                   fi
                od;
                if
                :: left ->
                    if
                    :: atomic { lock_free -> repair = (lock != NOBODY); lock = p };
                       if
                       :: repair -> recover()
                       :: else
                       fi;
                       remove_abandoned(p);
                       dispatch();
                       unlock_and_wake();
                       serve_who_asked(p)
                    :: !lock_free -> request_dispatch(p)
                    fi
                :: else ->
                    take_over(p);
                    if
                    :: count_mine < wants(p) -> /* expired between the grant and its receipt */
                        give_back(p);
                        node[p] = free_;
                        atomic { lost[p] = 0 };
                        look_at_gate(p)
                    :: else -> node[p] = free_
                    fi
                fi
            fi
        od;
        if
        :: left -> skip
        :: else ->
            /* holds */
            atomic {
                assert(lost[p] || !(mine & 1) || (slot[0] == held && owner[0] == p));
                assert(lost[p] || !(mine & 2) || (slot[1] == held && owner[1] == p))
            };
            give_back(p);
            look_at_gate(p)
        fi;
        done[p] = 1
    } unless { dead[p] -> skip }
}

/* open_slots_of() */
inline open_slots_of(d) {
    opened = 0;
    k = 0;
    do
    :: k < PERMITS ->
        if
        :: atomic { slot[k] != open && owner[k] == d && entry[d] == dying -> slot[k] = open; owner[k] = NOBODY };
           hint[k] = 1;
           opened = 1
        :: !(slot[k] != open && owner[k] == d && entry[d] == dying)
        fi;
        k++
    :: else -> break
    od;
    k = 0
}

proctype keeper(byte p) {
    locals;
    byte d;
    bit opened;
    {
    end:
        do
        :: atomic { expiries < EXPIRIES && slot[0] != open -> /* sweep() */
             expiries++;
             lost[owner[0]] = 1;
             slot[0] = open;
             owner[0] = NOBODY
           };
           hint[0] = 1;
           look_at_gate(p)
        :: atomic {
             dead[0] && entry[0] != gone -> d = 0
           };
           goto reap
        :: atomic {
             dead[1] && entry[1] != gone -> d = 1
           };
           goto reap
        :: atomic {
             dead[2] && entry[2] != gone -> d = 2
           };
        reap:
           /* membership::mark_if_dead(), then take_back_all() */
           if
           :: atomic { entry[d] == alive -> entry[d] = dying }
           :: entry[d] != alive
           fi;
           open_slots_of(d);
           atomic { lock_free -> repair = (lock != NOBODY); lock = p };
           if
           :: repair -> recover()
           :: else
           fi;
           if /* wait_queue::purge() */
           :: entry[d] == dying ->
               if
               :: atomic { node[d] == waiting || node[d] == abandoned -> node[d] = claimed };
                  if
                  :: linked[d] -> unlink(d)
                  :: else
                  fi;
                  node[d] = free_
               :: node[d] != waiting && node[d] != abandoned -> node[d] = free_
               fi
           :: entry[d] != dying
           fi;
           k = 0;
           do
           :: k < PERMITS -> hint[k] = 1; k++
           :: else -> break
           od;
           k = 0;
           dispatch();
           wake_all_served();
           unlock_and_wake();
           serve_who_asked(p);
           open_slots_of(d);
           if
           :: opened -> request_dispatch(p)
           :: else
           fi;
           opened = 0;
           if /* free_entry() */
           :: atomic { entry[d] == dying -> entry[d] = gone }
           :: entry[d] != dying
           fi;
           d = 0
        od
    } unless { dead[p] -> skip }
}

proctype killer() {
    byte killed;
    do
    :: killed < CRASHES ->
        killed++;
        if
        :: atomic { !dead[0] -> dead[0] = 1 }
        :: atomic { !dead[1] -> dead[1] = 1 }
        :: atomic { !dead[2] -> dead[2] = 1 }
        fi
    :: break
    od
}

/* When nothing moves any more. */
proctype judge() {
    byte n;
    atomic {
        timeout;
        do
        :: n < PROCESSES ->
            assert(dead[n] || done[n]);            /* no wake-up is lost */
            assert(node[n] == free_ && !linked[n]); /* no node */
            assert(!dead[n] || entry[n] == gone);   /* no process entry */
            n++
        :: else -> break
        od;
        n = 0;
        do
        :: n < PERMITS -> assert(slot[n] == open && hint[n]); n++ /* no permit */
        :: else -> break
        od;
        assert(gate == 0 && (lock == NOBODY || dead[lock]))
    }
}

init {
    atomic {
        run user(0);
        run user(1);
        run user(2);
        run keeper(0);
        run keeper(1);
        run keeper(2);
        run killer();
        run judge()
    }
}
