/* SPDX-License-Identifier: MIT
 *
 * thread_pool.pml: how the workers of a thread pool find tasks, sleep, are woken and end. It follows
 * detail/scheduling/worker_loop.hpp, workforce.hpp and search_state.hpp step by step; names are the same. Each step of
 * the model is one atomic operation, or what happens with a lock held, as far as others can see it.
 *
 * Checked: at the end each accepted task has run exactly once, and with SHUTDOWN no worker is left. Spin reports a
 * state in which nobody can go on as an invalid end state.
 *
 * With TASKS_MEET the tasks after the first FREE_TASKS wait for each other, so a task that is left in the queue beside
 * a sleeping worker is a deadlock, too.
 *
 * Not in the model: memory orders weaker than sequentially consistent, blocked tasks, priorities, deques.
 *
 * Defects for check.py to plant, each of which Spin must find:
 *   NO_LAST_LOOK     a worker sleeps without a look into the queue after it lowered searching_
 *   NO_LOOK_FOR_REST a worker that has taken a task does not look for more when workers are available
 *   LOOKS_EARLY      the same look comes before searching_ is lowered, as a store buffer would let it
 *   READS_EARLY      a worker reads available_ before it lowers taking_, as a store buffer would let it
 *   RAISED_LATE      available_ is raised after the last look, not before
 *   WAKE_IS_LOST     parker.reset() comes after the worker is in the list of idle workers
 *   NO_CLOSED_WAKE   begin_shutdown() wakes nobody
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef SUBMITTERS
#define SUBMITTERS 2
#endif
#ifndef TASKS
#define TASKS 2 /* of each submitter */
#endif
#ifndef FREE_TASKS
#define FREE_TASKS 0
#endif

byte queue, accepted, run_tasks;
byte searching, taking, available = WORKERS;
bool closed, inbox_closed;
/* guarded by mutex */
bool mutex;
byte alive, idle, starting;
bool is_idle[WORKERS], is_there[WORKERS], token[WORKERS];
byte submitters_left = SUBMITTERS;

#define at_work (alive - idle)
#define lock() atomic { !mutex -> mutex = true }
#define unlock() mutex = false
#define smaller(a, b) ((a) < (b) -> (a) : (b))
#define recount() available = smaller(WORKERS - at_work, idle + WORKERS - alive)

/* Takes some idle worker out of the list. The lock is held. */
inline choose_idle(w) {
    d_step {
        w = 0;
        do
        :: is_idle[w] -> break
        :: else -> w++
        od;
        is_idle[w] = false;
        idle--
    }
    searching++;
    d_step { recount() }
}

inline start(w) {
    d_step {
        w = 0;
        do
        :: !is_there[w] -> break
        :: else -> w++
        od;
        is_there[w] = true;
        alive++;
        starting++;
        recount()
    }
    run Worker(w)
}

/* queues.size() > starting_ + taking(): first the counters, then the queue. */
inline should_grow_or_not(coming, answer) {
    coming = starting + taking;
    answer = (alive < WORKERS && queue > coming)
}

/* bring() and bring_if_tasks_left(). Begins with the lock and ends without. `only_if_left`: only if tasks are left. */
inline bring(only_if_left, w, coming, answer) {
    if
    :: searching != 0 -> unlock()
    :: else ->
        if
        :: at_work >= WORKERS || (only_if_left && queue == 0) -> unlock()
        :: else ->
            if
            :: idle != 0 ->
                choose_idle(w);
                unlock();
                token[w] = true
            :: else ->
                should_grow_or_not(coming, answer);
                if
                :: answer -> start(w); unlock()
                :: else -> unlock()
                fi
            fi
        fi
    fi
}

proctype Submitter() {
    byte left = TASKS, w, coming;
    bool ok, answer;
    do
    :: left != 0 ->
        left--;
        atomic { ok = !inbox_closed; if :: ok -> queue++; accepted++ :: else fi }
        if
        :: !ok -> skip
        :: else ->
            if
            :: searching != 0 -> skip
            :: else ->
                if
                :: available == 0 -> skip
                :: else -> lock(); bring(false, w, coming, answer)
                fi
            fi
        fi
    :: else -> break
    od;
    submitters_left--
}

proctype Worker(byte me) {
    byte w, coming;
#ifdef TASKS_MEET
    byte begun; /* how many tasks had, with this one */
#endif
    bool answer, seen, got, work, was_closed;

    lock();
    d_step { starting--; searching++ }
    unlock();

search:
    seen = (queue != 0);
    if
    :: seen ->
        taking++;
        searching--;
        atomic { got = (queue != 0); if :: got -> queue-- :: else fi }
#ifdef READS_EARLY
        seen = (available != 0);
        taking--;
#else
        taking--;
        seen = (available != 0);
#endif
#ifndef NO_LOOK_FOR_REST
        if
        :: seen -> lock(); bring(true, w, coming, answer)
        :: else
        fi;
#endif
        do
        :: got ->
#ifndef TASKS_MEET
            run_tasks++;
#else
            d_step { run_tasks++; begun = run_tasks }
            begun <= FREE_TASKS || run_tasks >= FREE_TASKS + WORKERS; /* it waits, outside the library, for others to begin */
#endif
            atomic { got = (queue != 0); if :: got -> queue-- :: else fi }
        :: else -> break
        od;
        searching++;
        goto search
    :: else
    fi;

    /* lie_down() */
    lock();
    was_closed = closed;
    if
    :: !was_closed ->
#ifndef WAKE_IS_LOST
        token[me] = false;
#endif
#ifdef RAISED_LATE
        d_step { is_idle[me] = true; idle++ }
#else
        d_step { is_idle[me] = true; idle++; recount() }
#endif
    :: else
    fi;
    unlock();
#ifdef WAKE_IS_LOST
    if :: !was_closed -> token[me] = false :: else fi;
#endif
#ifdef LOOKS_EARLY
    work = (queue != 0);
    searching--;
#else
    searching--;
#ifdef NO_LAST_LOOK
    work = false;
#else
    work = (queue != 0);
#endif
#endif
#ifdef RAISED_LATE
    lock();
    d_step { recount() }
    unlock();
#endif
    if
    :: was_closed ->
        if
        :: work -> searching++; goto search
        :: else -> goto leave
        fi
    :: else
    fi;
    if
    :: !work ->
end_asleep:
        if
        :: token[me] /* park(): until the wake-up */
#ifdef IDLE_TIMEOUT
        :: true /* it has slept for idle_timeout */
#endif
        fi
    :: else
    fi;
    lock();
    if
    :: is_idle[me] ->
        d_step { is_idle[me] = false; idle--; recount() }
        if
        :: !work -> unlock(); goto leave
        :: else -> searching++; unlock(); goto search
        fi
    :: else ->
        unlock();
        token[me]; /* brought: if that was only just now, the wake-up is still to come */
        goto search
    fi;

leave:
    lock();
    d_step { alive--; recount() }
    is_there[me] = false; /* its place may be used again: the thread is joined */
    bring(true, w, coming, answer)
}

init {
    byte i, w;
    atomic {
        i = 0;
        do
        :: i < SUBMITTERS -> run Submitter(); i++
        :: else -> break
        od
    }
#ifdef SHUTDOWN
    /* begin_shutdown() at any time */
    lock();
    closed = true;
    inbox_closed = true;
#ifndef NO_CLOSED_WAKE
    do
    :: idle != 0 -> choose_idle(w); token[w] = true
    :: else -> break
    od;
#endif
    unlock();
    /* join() */
    submitters_left == 0 && alive == 0;
#else
    submitters_left == 0 && idle == alive && queue == 0 && searching == 0;
#endif
    assert(run_tasks == accepted);
    assert(queue == 0)
}
