// SPDX-License-Identifier: MIT
//
// full_queue.hpp: what a submit does in a process pool or in a pool of MPI ranks with max_pending, when that many tasks
// wait already: it waits for room, throws, or runs the task in its own thread.
//
//     { lock; if (!wait_for_room(lock, changed, pool, rule)) …then, without the lock: run_in_caller(task, tell, count)… }
//
// A task that the caller runs takes the same way as in a worker, through its encoded bytes.
#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <utility>

#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/state/ended_thread.hpp"
#include "concurrent/futures/detail/state/idle_waiters.hpp"
#include "concurrent/futures/detail/wire/observations.hpp"
#include "concurrent/futures/detail/wire/remote_task.hpp"
#include "concurrent/futures/detail/wire/task_registry.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct FullQueueRule {
    const char* executor;   // its name, for errors
    QueueFull on_full;
    bool on_engine_thread;  // in a callback: it never waits for room, because it is the one that makes it
    bool caller_may_run;    // else the task waits, where caller_runs was chosen
};

/// With the lock, which it lets go of while it waits; `changed` is notified when there is room or the pool ends. False when
/// the caller is to run the task itself. Throws QueueFullError, and what a closed pool throws.
template <class Pool>
bool wait_for_room(std::unique_lock<std::mutex>& lock, std::condition_variable& changed, Pool& pool,
                   const FullQueueRule& rule) {
    pool.queue.collect();
    if (!pool.is_full() || rule.on_engine_thread) return true;
    if (rule.on_full == QueueFull::raise)
        throw QueueFullError(std::string(rule.executor) + ": " + std::to_string(pool.queue.waiting()) +
                             " tasks are waiting, which is max_pending; submit later, or choose "
                             "QueueFull::block or caller_runs");
    if (rule.on_full == QueueFull::caller_runs && rule.caller_may_run) return false;
    const auto is_over = [&] { return !pool.is_full() || pool.is_closed() || pool.is_broken(); };
    while (!is_over()) {  // others may take the room in between
        lock.unlock();
        wait_with("room in a pool's queue (max_pending)", *lock.mutex(), changed, Deadline::never(), is_over);
        lock.lock();
    }
    pool.throw_if_closed();
    return true;
}

/// Takes over a reference to a task that is known to the caller only, and runs it with all its retries, in this thread.
/// Without a lock. `tell(kind)`: for the observer. `count(failed)`: for the pool's statistics, before the future ends.
/// Throws nothing but the ForcedUnwind of a task that ends this thread: then the task has ended, and the reference is still
/// the caller's.
template <class Tell, class Count>
void run_in_caller(RemoteTask& task, Tell tell, Count count) {
    using Kind = Observation::Kind;
    task.stage = RemoteTask::Stage::ended;
    Encoder result;
    std::exception_ptr error;
    const auto finish = [&] {
        tell(error ? Kind::failed : Kind::completed);
        count(error != nullptr);
        Decoder decoder(result.bytes());
        error ? task.fail(std::move(error)) : task.succeed(decoder);
    };
    for (;; --task.limits.retries) {
        tell(Kind::started);
        error = nullptr;
        try {
            Decoder call(task.call().bytes());
            result.clear();
            run_encoded_call(call, result);
        } catch (ForcedUnwind&) {
            error = ended_thread_error();
            finish();
            throw;  // of the submitter's thread
        } catch (...) {
            error = std::current_exception();
        }
        if (!error || task.limits.retries == 0) break;
        tell(Kind::retried);
    }
    finish();
    task.release();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
