// SPDX-License-Identifier: MIT
//
// caller_run.hpp: runs tasks of a process pool in the thread that submits them, in place of a worker.
//
//     caller_run.run(task);                              // QueueFull::caller_runs, and all of CONCURRENT_FUTURES_INLINE
//     std::string error = CallerRun::initialize(settings);
//
// The task takes the same way as in a worker, through its encoded bytes. Threads: any, without the pool's mutex.
#pragma once

#include <exception>
#include <mutex>
#include <string>
#include <utility>

#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/processes/pool_tables.hpp"
#include "concurrent/futures/detail/state/ended_thread.hpp"
#include "concurrent/futures/detail/wire/task_registry.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class CallerRun {
  public:
    explicit CallerRun(PoolTables& pool) noexcept : pool_(pool) {}

    /// What every worker does first. Why it failed, or empty.
    static std::string initialize(const ProcessSettings& settings) {
        if (settings.initializer.empty()) return {};
        try {
            Decoder call(settings.initializer.bytes());
            Encoder nothing;
            run_encoded_call(call, nothing);
            return {};
        } catch (const std::exception& error) {
            return std::string("ProcessPoolExecutor: the initializer threw: ") + error.what();
        } catch (ForcedUnwind&) {
            throw;  // of the thread that makes the pool
        } catch (...) {
            return "ProcessPoolExecutor: the initializer threw something that is no std::exception";
        }
    }
    /// Takes over a reference to a task that is known to the caller only, with all its retries.
    void run(RemoteTask& task) {
        task.stage = RemoteTask::Stage::ended;
        Encoder result;
        std::exception_ptr error;
        TaskObserver& observer = pool_.observer;
        observer.set_waiting(task, false);
        for (;; --task.limits.retries) {
            observer.tell_of(task, [](Observer& told, const CallEvent& call) { told.started(call); });
            error = nullptr;
            try {
                Decoder call(task.call().bytes());
                result.clear();
                run_encoded_call(call, result);
            } catch (ForcedUnwind&) {
                finish(task, result, ended_thread_error());
                throw;  // of the submitter's thread
            } catch (...) {
                error = std::current_exception();
            }
            if (!error || task.limits.retries == 0) break;
            observer.tell_of(task, [](Observer& told, const CallEvent& call) { told.retried(call); });
        }
        finish(task, result, std::move(error));
    }

  private:
    void finish(RemoteTask& task, const Encoder& result, std::exception_ptr error) {
        const CallOutcome outcome = error ? CallOutcome::failed : CallOutcome::completed;
        pool_.observer.tell_of(task, [&](Observer& told, const CallEvent& call) { told.finished(call, outcome); });
        {
            const std::lock_guard lock(pool_.mutex);
            ++(error ? pool_.completions.counts().failed : pool_.completions.counts().completed);
        }
        Decoder decoder(result.bytes());
        error ? task.fail(std::move(error)) : task.succeed(decoder);
        task.release();
    }

    PoolTables& pool_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
