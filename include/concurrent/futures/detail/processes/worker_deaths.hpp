// SPDX-License-Identifier: MIT
//
// worker_deaths.hpp: here the death of a worker becomes the exception of the task that it ran. The orderly end of a worker
// is settled here as well; it has no task then.
//
//     deaths.note_start(link);        // without the pool's mutex, when the process has just been started
//     deaths.settle(link);            // with it, when the process is gone and its exit status known
//
// Results that the worker still sent count, except that of a task whose time was over (ResultReader). Tasks that it had
// not started go back to the front of the queue. The task that it ran is tried again, or fails, or breaks the pool, as the
// options say. Threads: the manager thread.
#pragma once

#include <signal.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/oom_kills.hpp"
#include "concurrent/futures/detail/processes/obituary.hpp"
#include "concurrent/futures/detail/processes/pool_tables.hpp"
#include "concurrent/futures/detail/processes/result_reader.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"
#include "concurrent/futures/detail/wire/pool_descriptors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class WorkerDeaths {
  public:
    WorkerDeaths(PoolTables& pool, ResultReader& reader) noexcept : pool_(pool), reader_(reader) {}

    /// Reads how many processes the out-of-memory killer has killed before this one. While the process starts, so that
    /// this costs no time.
    void note_start(WorkerLink& link) noexcept {
        CONCURRENT_FUTURES_ASSERT(pool_.rule.on_engine_thread());
        try {
            if (!oom_kills_) {
                oom_kills_.emplace();
                PoolDescriptors& descriptors = PoolDescriptors::instance();
                const std::lock_guard lock(descriptors.mutex);
                if (FileDescriptor file = off_standard_streams(oom_kills_->open())) oom_file_ = PoolDescriptor(std::move(file));
            }
            link.oom_kills_before = count_oom_kills();
        } catch (const std::exception&) {  // no memory: unknown
        }
    }
    void settle(WorkerLink& link);

  private:
    /// How often a task may go back to the queue because its worker died before it started the task. Usually that is at
    /// most WorkerPace::most times, because the task goes to the front. But a worker may write to the page that it has
    /// not started a task that kills it, and that task must end as well.
    static constexpr unsigned returns_limit = 100;
    /// With WorkerDeath::retry_task.
    static constexpr unsigned deaths_limit = 3;

    /// By the open file: to open it takes 10 to 30 µs, and somebody waits for the news of a death.
    std::optional<std::uint64_t> count_oom_kills() const {
        if (oom_file_) return OomKills::count_in(oom_file_.get());
        return oom_kills_ ? oom_kills_->count() : std::nullopt;
    }
    OutOfMemory judge_kill(const WorkerLink& link);
    bool settle_tasks(WorkerLink& link);
    void lose(RemoteTask& task, const WorkerLink& link);
    std::string death_text(const RemoteTask& task, const WorkerLink& link, bool breaks) const;
    std::string early_death_text(const WorkerLink& link) const;

    PoolTables& pool_;
    ResultReader& reader_;
    std::optional<OomKills> oom_kills_;       // looked for when there is a first worker
    PoolDescriptor oom_file_;                 // its file; closed: it has none, or no descriptor was left
    std::uint64_t oom_kills_explained_ = 0;  // by deaths of workers
};

inline void WorkerDeaths::settle(WorkerLink& link) {
    CONCURRENT_FUTURES_ASSERT(pool_.rule.writable());
    reader_.read(link);
    if (link.life.exit_status().signal == SIGKILL && !link.life.is_killed() && !pool_.forced)
        link.out_of_memory = judge_kill(link);
    const bool was_starting = link.life.last_phase() == WorkerState::starting;
    const bool was_stopping = link.life.last_phase() == WorkerState::stopping;
    if (!was_stopping && pool_.may_start_workers()) pool_.budget.note_restart();
    const bool ran_a_task = settle_tasks(link);
    if (pool_.observer) {
        using Kind = Observation::Kind;
        pool_.observer.note_worker(was_stopping ? Kind::worker_ended : Kind::worker_died, link,
                                   text_or_why_not([&] { return describe_end(link.life.exit_status()); }));
    }
    if (ran_a_task) pool_.budget.note_task_ran();
    const bool was_fruitless = !was_stopping && !ran_a_task && pool_.queue.waiting() > 0;
    if (pool_.may_start_workers() && (was_starting || was_fruitless)) {
        const std::string why = early_death_text(link);
        const std::string begin = "ProcessPoolExecutor: ";
        if (!was_starting && pool_.budget.note_fruitless_death())
            pool_.break_pool(begin + std::to_string(RestartBudget::fruitless_deaths_that_break) +
                             " workers in a row died after they were ready and before they ran a task. The last: " +
                             why);
        if (was_starting && pool_.budget.note_start_failure())
            pool_.break_pool(begin + std::to_string(RestartBudget::start_failures_that_break) +
                             " workers in a row died before they were ready. The last: " + why);
    }
    pool_.workers.remove(link);
}

/// Newest first, so that those that go to the front of the queue are in order there. True: the worker ran one of them.
inline bool WorkerDeaths::settle_tasks(WorkerLink& link) {
    std::array<InFlight*, ControlPage::slot_count> places;
    std::size_t count = 0;
    for (InFlight& entry : link.tasks.table())
        if (entry.task) places[count++] = &entry;
    const std::span left(places.data(), count);
    std::sort(left.begin(), left.end(),
              [](const auto* a, const auto* b) { return a->task->number > b->task->number; });
    bool ran_a_task = false;
    for (InFlight* const entry : left) {
        if (!entry->task) continue;  // lose() broke the pool, which took the rest
        const bool revoked = entry->revoked;
        const bool unstarted = link.page().state(entry->task->slot, entry->id) == SlotState::sent;
        RemoteTask* const task = link.tasks.take(*entry);
        if (revoked) {
            pool_.completions.release(*task);
        } else if (unstarted && !pool_.forced && task->returns + 1 < returns_limit) {
            ++task->returns;
            pool_.put_back(*task);
        } else {
            ran_a_task = true;
            pool_.observer.note_start(*task, link);
            if (link.life.is_evicted_for(task->id))
                pool_.end_evicted(*task, link);
            else
                lose(*task, link);
        }
    }
    return ran_a_task;
}

/// Of a SIGKILL that this pool has not sent. Each kill that the kernel counted explains one death.
inline OutOfMemory WorkerDeaths::judge_kill(const WorkerLink& link) {
    if (!link.oom_kills_before) return OutOfMemory::unknown;
    const std::optional<std::uint64_t> count = count_oom_kills();
    if (!count) return OutOfMemory::unknown;
    const std::uint64_t explained = (std::max)(*link.oom_kills_before, oom_kills_explained_);
    if (*count <= explained) return OutOfMemory::no;
    oom_kills_explained_ = explained + 1;
    return OutOfMemory::yes;
}

/// The task was running, or over but its result not sent.
inline void WorkerDeaths::lose(RemoteTask& task, const WorkerLink& link) {
    if (task.deaths < deaths_limit) ++task.deaths;
    if (pool_.retry(task)) return;
    const bool retries_deaths = pool_.settings.on_worker_death == WorkerDeath::retry_task && !pool_.forced &&
                                task.stop_at == TaskLimits::never;
    if (retries_deaths && task.deaths < deaths_limit) return pool_.try_again(task);
    const ExitStatus& status = link.life.exit_status();
    const bool breaks = pool_.settings.on_worker_death == WorkerDeath::break_pool && !pool_.forced;
    std::string text = text_or_why_not([&] { return death_text(task, link, breaks); });
    pool_.fail(task, error_or_why_not([&] {
                   return WorkerDiedError(text, link.process.pid(), status.exit_code, status.signal);
               }));
    if (breaks) pool_.break_pool(text_or_why_not([&] { return "ProcessPoolExecutor: " + text; }));
}

inline std::string WorkerDeaths::death_text(const RemoteTask& task, const WorkerLink& link, bool breaks) const {
    const std::int64_t now = monotonic_nanoseconds();
    std::string text =
        obituary_text({.pid = link.process.pid(),
                       .status = link.life.exit_status(),
                       .task = task_text(task.number, task.name()),
                       .elapsed = now - plausible_start(link.page().started(task.slot), now),
                       .first_peak = link.page().first_peak(),
                       .complaint = link.life.complaint(),
                       .signalled_by_pool = link.life.is_killed() || pool_.forced,
                       .out_of_memory = link.out_of_memory,
                       .last_words = link.page().last_words().text(),
                       .forked = !pool_.settings.spawn,
                       .memory_limited = pool_.settings.max_memory_bytes != 0}) +
        attempt_text(task.failures);
    text += breaks         ? " The pool is broken, as on_worker_death asks."
            : pool_.forced ? " The pool is shut down."
                           : " Only this task failed, the worker is replaced when it is needed.";
    if (!pool_.forced) text += debugging_advice;
    return text;
}

/// Of a worker that died before it was ready, or before it ran a task.
inline std::string WorkerDeaths::early_death_text(const WorkerLink& link) const {
    const ExitStatus& status = link.life.exit_status();
    const bool was_starting = link.life.last_phase() == WorkerState::starting;
    const bool not_executed = pool_.settings.spawn && status.exit_code == 127 && link.page().first_peak() == 0;
    return "worker process " + std::to_string(link.process.pid()) + " " + describe_end(status) +
           (was_starting ? " before it was ready" : "") +
           (link.life.complaint().empty() ? "." : " (" + link.life.complaint() + ").") +
           cause_text(link.out_of_memory, link.page().last_words().text()) +
           (not_executed ? execution_failure_text(executable_path()) : "");
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
