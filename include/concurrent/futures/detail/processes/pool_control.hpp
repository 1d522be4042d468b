// SPDX-License-Identifier: MIT
//
// pool_control.hpp: a process pool pauses and goes on, starts all its workers at once, and says which they are.
//
//     control.pause();              // what was sent to a worker and has not started goes back to the queue
//     control.resume(false);
//     control.start_workers();      // the manager thread starts them; the caller waits until they are ready
//     control.worker_pids();        // of those that are alive
//
// Threads: any, without the mutex, but not the manager thread where that is said.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/processes/pool_tables.hpp"
#include "concurrent/futures/detail/state/idle_waiters.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class PoolControl {
  public:
    explicit PoolControl(PoolTables& pool) noexcept : pool_(pool) {}

    bool is_broken() const {
        const std::lock_guard lock(pool_.mutex);
        return pool_.is_broken();
    }
    /// Throws ShutdownError, BrokenProcessPool, std::bad_alloc.
    void pause() {
        const std::lock_guard lock(pool_.mutex);
        pool_.throw_if_closed();
        std::vector<RemoteTask*> unstarted;
        unstarted.reserve(pool_.workers.size() * ControlPage::slot_count);
        pool_.paused = true;
        for (const auto& link : pool_.workers)
            for (const InFlight& entry : link->tasks.table())
                if (entry.task && entry.task->stage == RemoteTask::Stage::sent && entry.task->worker == link.get() &&
                    link->try_revoke(*entry.task))
                    unstarted.push_back(entry.task);
        // The newest first, since each goes to the front.
        std::sort(unstarted.begin(), unstarted.end(),
                  [](const RemoteTask* one, const RemoteTask* other) { return one->number > other->number; });
        for (RemoteTask* const task : unstarted) {
            task->retain();  // the revoked entry keeps its own reference until the worker has skipped it
            pool_.put_back(*task);
        }
    }
    void resume() {
        {
            const std::lock_guard lock(pool_.mutex);
            pool_.paused = false;
            pool_.signal.note_news();
        }
        pool_.signal.wake();
    }

    /// Waits until max_workers are ready. Throws ShutdownError, BrokenProcessPool, std::system_error on the manager
    /// thread.
    void start_workers(bool on_manager_thread) {
        if (on_manager_thread)
            throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur),
                                    "ProcessPoolExecutor::start_workers: called in a callback of this pool, for which "
                                    "its workers wait; call it outside");
        {
            const std::lock_guard lock(pool_.mutex);
            pool_.throw_if_closed();
            ++pool_.waits_for_all_workers;
            pool_.start_failure.clear();
            pool_.signal.note_news();
        }
        pool_.signal.wake();
        wait_with("the start of a pool's workers", pool_.mutex, changed_, Deadline::never(), [this] { return is_over(); },
                  interval);
        const std::lock_guard lock(pool_.mutex);
        --pool_.waits_for_all_workers;
        pool_.signal.note_news();
        pool_.signal.wake();  // to end what base_workers does not keep
        pool_.throw_if_closed();
        if (ready() < pool_.settings.max_workers)
            throw BrokenProcessPool("ProcessPoolExecutor::start_workers: " + std::to_string(ready()) + " of " +
                                    std::to_string(pool_.settings.max_workers) + " workers could be started: " +
                                    pool_.start_failure +
                                    "; the pool works with these. Ask for fewer workers, or raise the system's limits "
                                    "on processes, descriptors and memory");
    }

    /// A forked worker may run a task before the template has said which process it is: waits for the template, if one is
    /// like that. Not on the manager thread, which is the one that reads what the template says.
    void await_pids(bool on_manager_thread) const {
        if (!on_manager_thread)
            wait_with("the process numbers of a pool's workers", pool_.mutex, changed_,
                      Deadline::after(tuning::worker_pid_wait), [this] { return knows_running_workers(); }, interval);
    }
    std::vector<int> worker_pids(bool on_manager_thread) const {
        await_pids(on_manager_thread);
        const std::lock_guard lock(pool_.mutex);
        std::vector<int> pids;
        for (const auto& link : pool_.workers)
            if (!link->life.has_exited() && link->process.pid() > 0) pids.push_back(link->process.pid());
        return pids;
    }

  private:
    /// The manager thread tells nobody of a start, so those who wait for one look again after this time.
    static constexpr auto interval = tuning::start_look_interval;

    // With the mutex.
    std::size_t ready() const noexcept {
        CONCURRENT_FUTURES_ASSERT(pool_.rule.locked());
        return static_cast<std::size_t>(
            std::count_if(pool_.workers.begin(), pool_.workers.end(), [](const auto& link) { return link->life.is_ready(); }));
    }
    bool knows_running_workers() const noexcept {
        CONCURRENT_FUTURES_ASSERT(pool_.rule.locked());
        return std::none_of(pool_.workers.begin(), pool_.workers.end(), [](const auto& link) {
            const bool runs = link->life.is_ready() || link->page().first_peak() != 0;
            return runs && !link->life.has_exited() && link->process.pid() <= 0;
        });
    }
    bool is_over() const noexcept {
        CONCURRENT_FUTURES_ASSERT(pool_.rule.locked());
        if (pool_.closed || pool_.is_broken() || ready() >= pool_.settings.max_workers) return true;
        return !pool_.start_failure.empty() &&
               std::none_of(pool_.workers.begin(), pool_.workers.end(),
                            [](const auto& link) { return link->life.is_open() && !link->life.is_ready(); });
    }

    PoolTables& pool_;
    mutable std::condition_variable changed_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
