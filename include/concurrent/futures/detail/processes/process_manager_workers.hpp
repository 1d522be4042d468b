// SPDX-License-Identifier: MIT
//
// process_manager_workers.hpp: the lives and deaths of workers in ProcessManager. Included by
// process_manager.hpp, where the class and its picture are. Manager thread; with the lock unless said.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "concurrent/futures/detail/processes/obituary.hpp"
#include "concurrent/futures/detail/processes/process_manager.hpp"
#include "concurrent/futures/detail/processes/spawn_copy.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Tasks that wait for a worker: in the queue, or behind another task of the worker they were sent to.
inline std::size_t ProcessManager::unstarted() const noexcept {
    std::size_t count = waiting();
    for (const auto& link : links_)
        if (!link->ended && link->wanted() > 1) count += link->wanted() - 1;
    return count;
}

/// How many to start now: one for each task that waits, as far as the pool may grow.
inline std::size_t ProcessManager::missing_workers() const noexcept {
    if (forced_ || !broken_.empty()) return 0;
    if (start_again_ && std::chrono::steady_clock::now() < *start_again_) return 0;
    const std::size_t unstarted_tasks = unstarted();
    std::size_t alive = 0;
    std::size_t coming = 0;  // will take a task without being asked again
    for (const auto& link : links_) {
        if (link->ended || link->phase == WorkerLink::Phase::retiring) continue;
        if (!link->dying() && !may_take_more(*link) && link->phase == WorkerLink::Phase::ready &&
            link->in_flight() == 0)
            continue;  // has had its max_tasks_per_child
        ++alive;
        coming += link->wanted() == 0 && !link->dying();
    }
    if (unstarted_tasks <= coming || alive >= settings_.max_workers) return 0;
    return (std::min)(settings_.max_workers - alive, unstarted_tasks - coming);
}

/// Without the lock. False when it could not be started.
inline bool ProcessManager::start_worker() {
    std::string why;
    try {
        WorkerLink::Ends ends;
        Links fresh;  // its place in the list first, so that nothing can fail when the process is there
        fresh.push_back(std::make_unique<WorkerLink>(++last_worker_, payloads_.get(), ends));
        WorkerLink* const link = fresh.front().get();
        if (watch_) link->page().keep_ends();
        polled_.reserve(2 + 3 * (links_.size() + 1));
        link->queue_frame(make_header(FrameType::configure, configuration_.size()),
                          configuration_.bytes());
        link->flush();
        const auto numbers = ends.numbers();
        if (settings_.spawn) {
            link->process = spawn_copy(environment_, numbers);
        } else {
            template_->request(link->number(), numbers);
        }
        {
            const std::lock_guard lock(mutex_);
            if (forced_) link->process.send_signal(SIGKILL);
            links_.splice(links_.end(), fresh);
        }
        note_oom_kills(*link);
        return true;
    } catch (const std::exception& error) {
        why = error.what();
    }
    const std::lock_guard lock(mutex_);
    why = "a worker process cannot be started: " + why;
    const bool nobody_left = std::all_of(links_.begin(), links_.end(),
                                         [](const auto& link) { return link->ended; });
    // The system is out of something. With workers left the pool goes on with them, and tries again.
    if (nobody_left)
        break_pool("ProcessPoolExecutor: " + why);
    else
        start_again_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
    return false;
}

/// Without the lock. While the process starts, so that this costs no time: it has no memory yet for which it
/// could be killed.
inline void ProcessManager::note_oom_kills(WorkerLink& link) noexcept {
    try {
        if (!oom_kills_) oom_kills_.emplace();
        link.oom_kills_before = oom_kills_->count();
    } catch (const std::exception&) {  // no memory: unknown
    }
}

/// Workers that have nothing to do any more are told to leave. While the pool shuts down that is when
/// no task waits, neither in the queue nor behind another one, where balance() would take it from.
inline void ProcessManager::retire_workers() {
    const auto now = std::chrono::steady_clock::now();
    const bool not_needed = closed_ && unstarted() == 0;
    for (const auto& link : links_) {
        if (link->ended || link->dying() || link->phase == WorkerLink::Phase::retiring ||
            link->in_flight() != 0 || link->has_output())
            continue;
        const bool ready = link->phase == WorkerLink::Phase::ready;
        const bool worn_out = ready && !may_take_more(*link);
        const bool idle_too_long =
            ready && settings_.idle_timeout && now - link->idle_since >= *settings_.idle_timeout;
        if (!not_needed && !worn_out && !idle_too_long) continue;
        link->phase = WorkerLink::Phase::retiring;
        link->stop();
    }
}

inline void ProcessManager::read_template() {
    for (;;) {
        Reception reception = template_->receive();
        if (reception.kind == IoResult::Kind::would_block) return;
        if (reception.kind != IoResult::Kind::moved) break;
        const TemplateMessage& message = reception.received.message;
        for (const auto& link : links_) {
            if (message.kind == TemplateMessage::Kind::forked && link->number() == message.number) {
                if (message.pid < 0) {
                    link->ended = true;
                    link->exit_status = ExitStatus{};
                    link->complaint = std::string("fork failed: ") + std::strerror(message.error);
                    break;
                }
                link->process =
                    ProcessHandle(message.pid, std::move(reception.received.descriptors.front()));
                if (forced_) link->process.send_signal(SIGKILL);
                break;
            }
            if (message.kind == TemplateMessage::Kind::exited && link->process.pid() == message.pid &&
                !link->exit_status) {
                link->ended = true;
                link->exit_status = ExitStatus{};
                if (message.exit_code >= 0) link->exit_status->exit_code = message.exit_code;
                if (message.signal >= 0) link->exit_status->signal = message.signal;
                link->exit_status->peak_memory = message.peak_memory;
                break;
            }
        }
    }
    // Its workers die with it; how they ended cannot be learned any more.
    template_->close_socket();
    for (const auto& link : links_) {
        link->process.send_signal(SIGKILL);
        link->ended = true;
        if (!link->exit_status) link->exit_status = ExitStatus{};
        if (link->complaint.empty()) link->complaint = "the template process, its parent, died";
    }
    if (!closed_ || !links_.empty())
        break_pool("ProcessPoolExecutor: the template process, which forks the workers, died");
}

/// The process has ended, or may have. A template's child is reported by the template.
inline void ProcessManager::note_exit(WorkerLink& link) {
    if (link.exit_status) return;
    if (!settings_.spawn) {
        link.ended = link.ended || link.process.watch_fd() >= 0;
        return;
    }
    link.exit_status = link.process.try_reap();
    link.ended = link.exit_status.has_value();
}

/// Of a SIGKILL that this pool has not sent. Each kill that the kernel counted explains one death.
inline OutOfMemory ProcessManager::judge_kill(const WorkerLink& link) {
    if (!link.oom_kills_before) return OutOfMemory::unknown;
    const std::optional<std::uint64_t> count = oom_kills_->count();
    if (!count) return OutOfMemory::unknown;
    const std::uint64_t explained = (std::max)(*link.oom_kills_before, oom_kills_explained_);
    if (*count <= explained) return OutOfMemory::no;
    oom_kills_explained_ = explained + 1;
    return OutOfMemory::yes;
}

/// Deals with the end of a worker: what it still sent counts, what it had not started goes back to the
/// front of the queue, what it was running is lost.
inline void ProcessManager::bury(WorkerLink& link) {
    read_results(link);
    if (link.exit_status->signal == SIGKILL && !link.killed && !forced_)
        link.out_of_memory = judge_kill(link);
    std::array<WorkerLink::InFlight*, ControlPage::slot_count> places;
    std::size_t count = 0;
    for (WorkerLink::InFlight& entry : link.table())
        if (entry.task) places[count++] = &entry;
    const std::span left(places.data(), count);
    std::sort(left.begin(), left.end(),
              [](const auto* a, const auto* b) { return a->task->number > b->task->number; });
    const bool was_starting = link.phase == WorkerLink::Phase::starting;
    const bool was_retiring = link.phase == WorkerLink::Phase::retiring;
    if (!was_retiring && !forced_ && broken_.empty()) ++restarts_;
    bool ran_a_task = false;
    for (WorkerLink::InFlight* const entry : left) {
        if (!entry->task) continue;  // lose() broke the pool, which took the rest
        const bool revoked = entry->revoked;
        const bool unstarted = link.page().state(entry->task->slot, entry->id) == SlotState::queued;
        RemoteTask* const task = link.take(*entry);
        if (revoked) {
            endings_.release(*task);
        } else if (unstarted && !forced_ && ++task->returns < returns_limit) {
            put_back(*task);
        } else {
            ran_a_task = true;
            observe_start(*task, link);
            if (link.eviction && link.eviction->task == task->id)
                end_evicted(*task, link);
            else
                lose(*task, link);
        }
    }
    if (watch_) {
        using Kind = Observation::Kind;
        observe_worker(was_retiring ? Kind::worker_ended : Kind::worker_died, link,
                       text_or_why_not([&] { return describe_end(*link.exit_status); }));
    }
    if (ran_a_task) fruitless_deaths_ = 0;
    const bool was_fruitless = !was_retiring && !ran_a_task && waiting() > 0;
    if (!forced_ && broken_.empty() && (was_starting || was_fruitless)) {
        const std::string end = "worker process " + std::to_string(link.process.pid()) + " " +
                                describe_end(*link.exit_status);
        const bool not_executed =
            settings_.spawn && link.exit_status->exit_code == 127 && link.page().first_peak() == 0;
        const std::string why = (link.complaint.empty() ? "." : " (" + link.complaint + ").") +
                                cause_text(link.out_of_memory, link.page().last_words().text()) +
                                (not_executed ? execution_failure_text(executable_path()) : "");
        if (was_starting)
            note_start_failure(end + " before it was ready" + why);
        else
            note_fruitless_death(end + why);
    }
    const auto place = std::find_if(links_.begin(), links_.end(),
                                    [&](const auto& each) { return each.get() == &link; });
    buried_.splice(buried_.end(), links_, place);
}

/// Without the lock, as calls may go with them. Those that another thread still looks at are kept.
inline void ProcessManager::forget_buried() {
    if (buried_.empty()) return;
    Links gone;
    const std::lock_guard lock(mutex_);
    for (auto place = buried_.begin(); place != buried_.end();) {
        const auto next = std::next(place);
        if ((*place)->watchers == 0) gone.splice(gone.end(), buried_, place);
        place = next;
    }
}

/// The task was running, or over but its result not sent.
inline void ProcessManager::lose(RemoteTask& task, const WorkerLink& link) {
    constexpr unsigned attempts = 3;
    ++task.deaths;
    if (retry(task)) return;
    const bool retries_deaths = settings_.on_worker_death == WorkerDeath::retry_task && !forced_ &&
                                task.stop_at == TaskLimits::never;
    if (retries_deaths && task.deaths < attempts) {
        ++task.failures;
        observe_end(Observation::Kind::retried, task);
        return put_back(task);
    }
    const ExitStatus& status = *link.exit_status;
    const bool breaks = settings_.on_worker_death == WorkerDeath::break_pool && !forced_;
    std::string text = text_or_why_not([&] { return death_text(task, link, breaks); });
    fail(task, error_or_why_not([&] {
             return WorkerDiedError(text, link.process.pid(), status.exit_code, status.signal);
         }));
    if (breaks)
        break_pool(text_or_why_not([&] { return "ProcessPoolExecutor: " + text; }));
}

inline std::string ProcessManager::death_text(const RemoteTask& task, const WorkerLink& link,
                                              bool breaks) const {
    const ExitStatus& status = *link.exit_status;
    const std::int64_t now = monotonic_nanoseconds();
    std::string text =
        obituary_text({.pid = link.process.pid(),
                       .status = status,
                       .task = task_text(task.number, task.name()),
                       .elapsed = now - plausible_start(link.page().started(task.slot), now),
                       .first_peak = link.page().first_peak(),
                       .complaint = link.complaint,
                       .signalled_by_pool = link.killed || forced_,
                       .out_of_memory = link.out_of_memory,
                       .last_words = link.page().last_words().text(),
                       .forked = !settings_.spawn,
                       .memory_limited = settings_.max_memory_bytes != 0}) +
        attempt_text(task.failures);
    text += breaks    ? " The pool is broken, as on_worker_death asks."
            : forced_ ? " The pool is shut down."
                      : " Only this task failed, the worker is replaced when it is needed.";
    if (!forced_) text += debugging_advice;
    return text;
}

/// Nothing comes of starting workers that die at once, again and again.
inline void ProcessManager::note_start_failure(const std::string& reason) {
    constexpr std::size_t limit = 3;
    if (++start_failures_ >= limit)
        break_pool("ProcessPoolExecutor: " + std::to_string(limit) +
                   " workers in a row died before they were ready. The last: " + reason);
}

/// Nor of workers that all die before they run one of the tasks that wait. Deaths in a task are not counted,
/// nor is the end of a worker at a time limit: those tasks end, so that the work gets less.
inline void ProcessManager::note_fruitless_death(const std::string& reason) {
    constexpr std::size_t limit = 10;
    if (++fruitless_deaths_ >= limit)
        break_pool("ProcessPoolExecutor: " + std::to_string(limit) +
                   " workers in a row died after they were ready and before they ran a task. The last: " +
                   reason);
}

/// Fails everything there is, and everything that comes.
inline void ProcessManager::break_pool(std::string reason) noexcept {
    if (!broken_.empty()) return;
    broken_ = std::move(reason);
    forced_ = true;
    close_intake();
    room_.notify_all();
    const auto fail = [&](RemoteTask* task) {
        const bool wanted = task->stage == RemoteTask::Stage::queued ||
                            task->stage == RemoteTask::Stage::sent;
        if (!wanted) return endings_.release(*task);
        // One exception object each: nobody shares what another changes.
        this->fail(*task, error_or_why_not([&] { return BrokenProcessPool(broken_); }));
    };
    for (std::size_t level = queue_.size(); level-- > 0;)
        while (!queue_[level].empty()) fail(&queue_[level].pop_front());
    revoked_in_queue_ = 0;
    for (const auto& link : links_) {
        for (WorkerLink::InFlight& entry : link->table()) {
            if (!entry.task) continue;
            const bool revoked = entry.revoked;
            const std::uint64_t entry_id = entry.id;
            RemoteTask* const task = link->take(entry);
            if (revoked) {
                endings_.release(*task);
                continue;
            }
            if (link->page().state(task->slot, entry_id) != SlotState::queued) observe_start(*task, *link);
            fail(task);
        }
        if (!link->ended) link->kill();
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
