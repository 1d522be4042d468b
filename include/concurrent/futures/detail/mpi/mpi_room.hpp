// SPDX-License-Identifier: MIT
//
// mpi_room.hpp: what a submit does in an MPI pool with max_pending, when that many tasks wait already. The counterpart of
// submission_room.hpp and caller_run.hpp in process pools.
//
//     { lock; if (!room.wait(lock, pool, on_engine_thread())) …room.run_here(pool, task) without the lock… }
//
// Threads: any, with the engine's mutex, which is let go of while waiting.
#pragma once

#include <cstddef>
#include <exception>
#include <mutex>
#include <string>
#include <utility>

#include "concurrent/futures/detail/mpi/hub_tables.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/state/ended_thread.hpp"
#include "concurrent/futures/detail/state/idle_waiters.hpp"
#include "concurrent/futures/detail/wire/task_registry.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class MpiRoom {
  public:
    explicit MpiRoom(HubTables& hub) noexcept : hub_(hub) {}

    /// False when the caller is to run the task itself. Throws QueueFullError, and what a closed pool throws. The engine
    /// thread (in a callback) never waits for room: it is the one that makes it.
    bool wait(HubTables::Lock& lock, MpiPool& pool, bool on_engine_thread) {
        pool.queue.collect();
        if (!pool.is_full() || on_engine_thread) return true;
        const QueueFull on_full = pool.settings().on_full;
        if (on_full == QueueFull::raise)
            throw QueueFullError("MPIPoolExecutor: " + std::to_string(pool.queue.waiting()) +
                                 " tasks are waiting, which is max_pending; submit later, or choose "
                                 "QueueFull::block or caller_runs");
        if (on_full == QueueFull::caller_runs) return false;
        const auto is_over = [&] { return !pool.is_full() || pool.is_closed() || pool.is_broken(); };
        while (!is_over()) {  // others may take the room in between
            lock.unlock();
            wait_with("room in a pool's queue (max_pending)", hub_.mutex, hub_.changed, Deadline::never(), is_over);
            lock.lock();
        }
        pool.throw_if_closed();
        return true;
    }
    /// Takes over a reference to a task that is known to the caller only, with all its retries. Without the lock.
    void run_here(MpiPool& pool, MpiTask& task);

  private:
    static void observe(MpiTask& task, Observation::Kind kind) noexcept {
        MpiObserver::note(task, kind, monotonic_nanoseconds(), nullptr);
        MpiObserver::tell(task);
    }
    void finish(MpiPool& pool, MpiTask& task, const Encoder& result, std::exception_ptr error);

    HubTables& hub_;
};

inline void MpiRoom::run_here(MpiPool& pool, MpiTask& task) {
    using Kind = Observation::Kind;
    task.stage = RemoteTask::Stage::ended;
    MpiObserver::set_waiting(task, false);
    Encoder result;
    std::exception_ptr error;
    for (;; --task.limits.retries) {
        observe(task, Kind::started);
        error = nullptr;
        try {
            Decoder call(task.call().bytes());
            result.clear();
            run_encoded_call(call, result);
        } catch (ForcedUnwind&) {
            finish(pool, task, result, ended_thread_error());
            throw;  // of the submitter's thread
        } catch (...) {
            error = std::current_exception();
        }
        if (!error || task.limits.retries == 0) break;
        observe(task, Kind::retried);
    }
    finish(pool, task, result, std::move(error));
}

inline void MpiRoom::finish(MpiPool& pool, MpiTask& task, const Encoder& result, std::exception_ptr error) {
    observe(task, error ? Observation::Kind::failed : Observation::Kind::completed);
    {
        const std::lock_guard lock(hub_.mutex);
        ++(error ? pool.failed : pool.completed);
    }
    Decoder decoder(result.bytes());
    error ? task.fail(std::move(error)) : task.succeed(decoder);
    task.release();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
