/* SPDX-License-Identifier: MIT
 *
 * process_pool.pml: the tasks of one worker of a process pool, which may die at any step, be replaced, and be told to
 * leave. It follows docs/design/processes.md: the slots of the control page (detail/processes/control_page.hpp), the
 * cancellation of a task that was sent ahead (cancellation.hpp), the settlement of a death (worker_deaths.hpp) and the
 * states of a worker (worker_life.hpp: check.py compares the names below with the enum there).
 *
 * Checked: each task ends exactly once; none runs twice; none runs after it was cancelled; a result that was sent
 * counts, though its worker has died since; after shutdown no worker is left, and none that exited is unreaped.
 *
 * Defects for check.py to plant, each of which Spin must find:
 *   REVOKED_BY_STORE     a cancelled task's slot is written without a look at what it says
 *   STARTED_BY_STORE     the worker writes "running" without a look
 *   SETTLED_BEFORE_READ  a death is settled before what the worker had sent is read
 *   RUNS_AGAIN           a running task of a dead worker goes back to the queue
 *   NOT_GIVEN_BACK       a task that a dead worker had not started does not go back
 */
#ifndef TASKS
#define TASKS 2
#endif
#ifndef DEATHS
#define DEATHS 2
#endif

mtype:worker_state = { starting, ready, stopping, exited, reaped };
mtype:slot_state = { unused, sent, running, done, revoked };
mtype:outcome = { none, result, cancelled, lost };

mtype:worker_state life = reaped;
mtype:slot_state slot[TASKS]; /* in memory that pool and worker share; task t has slot t */
mtype:outcome end_of[TASKS];
bool in_queue[TASKS] = true; /* of the pool */
bool in_table[TASKS];        /* the pool's table of what the worker has */
bool has_run[TASKS], has_sent_result[TASKS];
byte deaths_left = DEATHS, unended = TASKS;
bool busy; /* the manager thread holds the pool's mutex over several steps */
bool shut_down, process_is_there, says_ready, told_to_leave;
chan to_worker = [TASKS] of { byte };
chan from_worker = [TASKS] of { byte };

inline end(t, how) {
    d_step {
        assert(end_of[t] == none);
        end_of[t] = how;
        unended--
    }
}

/* A worker's process. It may die before each of its steps. */
proctype Process() {
    byte task;
    bool begun;
    do
    :: deaths_left != 0 -> deaths_left--; goto gone
    :: !says_ready -> says_ready = true /* its initializer has returned */
    :: says_ready && nempty(to_worker) ->
        to_worker ? task;
        if
        :: deaths_left != 0 -> deaths_left--; goto gone
        :: true
        fi;
        atomic { /* compare-exchange */
#ifdef STARTED_BY_STORE
            begun = true;
#else
            begun = (slot[task] == sent);
#endif
            if
            :: begun -> slot[task] = running
            :: else
            fi
        }
        if
        :: begun ->
            if
            :: deaths_left != 0 -> deaths_left--; goto gone
            :: true
            fi;
            atomic { /* the function runs */
                assert(!has_run[task]);
                assert(end_of[task] != cancelled);
                has_run[task] = true
            }
            if
            :: deaths_left != 0 -> deaths_left--; goto gone
            :: true
            fi;
            slot[task] = done;
            if
            :: deaths_left != 0 -> deaths_left--; goto gone
            :: true
            fi;
            atomic { from_worker ! task; has_sent_result[task] = true }
        :: else
        fi
    :: says_ready && told_to_leave && empty(to_worker) -> goto gone
    od;
gone:
    process_is_there = false
}

inline receive(t) {
    from_worker ? t;
    if
    :: in_table[t] -> in_table[t] = false; slot[t] = unused; end(t, result)
    :: else
    fi
}

/* The manager thread; each branch holds the pool's mutex. */
proctype Manager() {
    byte t;
    do
    :: atomic { life == reaped && unended != 0 -> /* WorkerSet::make */
           life = starting; says_ready = false; told_to_leave = false; process_is_there = true;
           run Process() }
    :: atomic { life == starting && says_ready -> life = ready }
    :: atomic { (life == starting || life == ready) -> busy = true };
        /* Dispatcher: a task is sent ahead. */
        t = 0;
        do
        :: t < TASKS && !in_queue[t] -> t++
        :: else -> break
        od;
        if
        :: t < TASKS ->
            in_queue[t] = false;
            in_table[t] = true;
            slot[t] = sent;
            to_worker ! t;
            busy = false
        :: else -> /* nothing to send: something has to happen before the next round */
            busy = false;
            if
            :: atomic { nempty(from_worker) -> receive(t) }
            :: !process_is_there
            :: life == starting && says_ready
            :: shut_down && unended == 0
            fi
        fi
    :: atomic { nempty(from_worker) -> receive(t) }
    :: atomic { life == ready && shut_down && unended == 0 -> life = stopping; told_to_leave = true }
    :: atomic { life == starting && shut_down && unended == 0 -> life = stopping; told_to_leave = true }
    :: atomic { (life == starting || life == ready || life == stopping) && !process_is_there -> life = exited }
    :: atomic { life == exited -> busy = true };
        /* WorkerDeaths::settle: first what it had sent. */
#ifndef SETTLED_BEFORE_READ
        do
        :: atomic { nempty(from_worker) -> receive(t) }
        :: empty(from_worker) -> break
        od;
#endif
        do
        :: nempty(to_worker) -> to_worker ? t /* what nobody will read */
        :: empty(to_worker) -> break
        od;
        t = 0;
        do
        :: t < TASKS ->
            if
            :: in_table[t] ->
                in_table[t] = false;
                if
                :: slot[t] == revoked -> skip /* its canceller has ended it */
                :: slot[t] == sent ->
#ifndef NOT_GIVEN_BACK
                    in_queue[t] = true
#endif
                :: slot[t] == running || slot[t] == done ->
#ifdef RUNS_AGAIN
                    in_queue[t] = true
#else
                    assert(!has_sent_result[t]);
                    end(t, lost)
#endif
                fi;
                slot[t] = unused
            :: else
            fi;
            t++
        :: else -> break
        od;
        do
        :: nempty(from_worker) -> from_worker ? t
        :: empty(from_worker) -> break
        od;
        life = reaped;
        busy = false
    :: shut_down && unended == 0 && life == reaped -> break
    od;
    assert(!process_is_there)
}

/* A user cancels task 0 at any time; with the pool's mutex, so between two branches of the manager. */
proctype Canceller() {
    atomic {
        !busy;
        if
        :: in_queue[0] -> in_queue[0] = false; end(0, cancelled)
#ifdef REVOKED_BY_STORE
        :: in_table[0] && slot[0] != done -> slot[0] = revoked; in_table[0] = false; end(0, cancelled)
#else
        :: in_table[0] && slot[0] == sent -> slot[0] = revoked; in_table[0] = false; end(0, cancelled)
#endif
        :: else /* too late: cancel() returns false */
        fi
    }
}

init {
    byte t;
    d_step {
        do
        :: t < TASKS -> slot[t] = unused; end_of[t] = none; t++
        :: else -> break
        od
    }
    atomic { run Manager(); run Canceller() }
    unended == 0;
    shut_down = true
}
