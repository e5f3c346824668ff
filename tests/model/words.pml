/* The words in shared memory, how the threads take turns, and what is checked at once. */

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
