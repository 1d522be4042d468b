// SPDX-License-Identifier: MIT
//
// process_manager_loop.hpp: the manager thread of ProcessManager. Included by process_manager.hpp, where
// the class and its picture are.
#pragma once

#include <signal.h>

#include <algorithm>
#include <limits>
#include <new>

#include "concurrent/futures/detail/processes/process_manager.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline ByteBuffer configuration_of(const ProcessSettings& settings) {
    Encoder encoder;
    Encoder out_of_memory;
    encode_exception(out_of_memory, std::make_exception_ptr(std::bad_alloc()));
    encode_configuration(encoder, {program_identity(), settings.max_memory_bytes,
                                   settings.initializer.bytes(), settings.worker_exit.bytes(),
                                   out_of_memory.bytes()});
    return std::move(encoder).take();
}

inline ProcessManager::ProcessManager(ProcessSettings settings, ProcessTreeShare share)
    : settings_(std::move(settings)),
      watch_(settings_.observer, "processes", {}, settings_.max_workers, settings_.hook),
      tree_share_(std::move(share)),
      environment_(settings_.spawn ? worker_environment(tree_share_.for_each_worker())
                                   : std::vector<std::string>()),
      configuration_(configuration_of(settings_)) {
    polled_.reserve(2);
    if (settings_.run_inline) {
        initialize_here();
        return;
    }
    make_payload_memory();
    try {
        // Last, so that nothing can fail when that process is there.
        if (!settings_.spawn) template_.emplace(tree_share_.for_each_worker());
    } catch (...) {
        SharedRegions::instance().stop_watching(wake_up_);
        throw;
    }
}

inline ProcessManager::~ProcessManager() {
    if (in_forked_child()) return;
    SharedRegions::instance().stop_watching(wake_up_);
    if (template_) template_->stop();
}

inline void ProcessManager::count_manager_thread(std::int32_t change) noexcept {
    const std::uint64_t generation = std::uint64_t{fork_generation()} << 32;
    // relaxed, both: see manager_threads().
    std::uint64_t seen = manager_threads_.load(std::memory_order_relaxed);
    std::uint64_t next = 0;
    do {
        const std::uint64_t count = seen >> 32 == generation >> 32 ? seen & 0xffff'ffff : 0;
        next = generation | (count + static_cast<std::uint64_t>(change)) % (std::uint64_t{1} << 32);
        // relaxed: as above.
    } while (!manager_threads_.compare_exchange_weak(seen, next, std::memory_order_relaxed,
                                                     std::memory_order_relaxed));
}

inline void ProcessManager::start(std::shared_ptr<ProcessManager> self) {
    // The new thread inherits the mask: the program's signal handlers run in the program's threads, and a
    // write to a dead worker's pipe raises no SIGPIPE.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    count_manager_thread(1);
    try {
        thread_ = std::thread([self = std::move(self)] { self->run(); });
    } catch (...) {
        count_manager_thread(-1);
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

inline void ProcessManager::run() noexcept {
    name_current_thread("pool_manager", 0);
    current_ = this;
    this_thread_serves_processes = true;
    for (bool over = false; !over;) {
        guarded_step();
        const std::lock_guard lock(mutex_);
        over = finished() && endings_.empty() && notices_.empty() && observations_.empty();
    }
    if (template_) template_->stop();
    template_.reset();
    tree_share_.give_back();
    const std::lock_guard lock(mutex_);
    thread_ended_ = true;
    ended_.notify_all();
    count_manager_thread(-1);
}

/// Out of memory or descriptors: the pool ends in order, with every task failed and told why.
inline void ProcessManager::guarded_step() noexcept {
    try {
        step();
    } catch (const std::exception& error) {
        const std::lock_guard lock(mutex_);
        break_pool(text_or_why_not([&] {
            return std::string("ProcessPoolExecutor: the manager failed: ") + error.what();
        }));
    }
}

inline void ProcessManager::step() {
    std::size_t missing = 0;
    {
        const std::lock_guard lock(mutex_);
        missing = dispatch();
        flush_all();
    }
    for (; missing > 0; --missing)
        if (!start_worker()) break;
    for (const auto& link : links_) link->ring();
    receive_all();
    deliver_all();
    running_time_.note(monotonic_nanoseconds());  // what callbacks took does count
    forget_buried();
}

/// With the lock: everything that can be decided without waiting. Gives the number of workers to start.
inline std::size_t ProcessManager::dispatch() {
    // relaxed: with the lock.
    news_.store(false, std::memory_order_relaxed);
    intake_.move_to(queue_);
    enforce_limits();
    const std::size_t missing = missing_workers();
    share_ = fair_share(missing);
    while (RemoteTask* const task = next_queued()) {
        WorkerLink* const link = choose_worker();
        if (!link) {
            queue_[task->level].push_front(*task);
            break;
        }
        task->id = ++last_id_;
        give(*link, *task);
        if (settings_.max_pending != 0) room_.notify_one();
    }
    balance();
    retire_workers();
    // Behind that: a worker that is about to be sent something is not told to leave in this step, and there may
    // be no next one.
    trim_payloads();
    forget_dead_regions();
    return missing;
}

/// Takes the first task that is still wanted out of the queue.
inline RemoteTask* ProcessManager::next_queued() {
    for (std::size_t level = queue_.size(); level-- > 0;) {
        while (!queue_[level].empty()) {
            RemoteTask& task = queue_[level].pop_front();
            if (task.stage == RemoteTask::Stage::queued) return &task;
            endings_.release(task);
            --revoked_in_queue_;
        }
    }
    return nullptr;
}

/// So many tasks each worker may have, those on their way included: what is sent early may have to be taken
/// back, so no more than there is for all.
inline std::size_t ProcessManager::fair_share(std::size_t coming) const noexcept {
    std::size_t tasks = queued();
    std::size_t workers = coming;
    for (const auto& link : links_) {
        if (link->ended || link->phase == WorkerLink::Phase::retiring) continue;
        tasks += link->in_flight();
        ++workers;
    }
    return std::clamp<std::size_t>(workers == 0 ? 1 : tasks / workers, 1, WorkerPace::most);
}

inline bool ProcessManager::may_take_more(const WorkerLink& link) const noexcept {
    return link.phase == WorkerLink::Phase::ready && !link.ended && !link.dying() &&
           link.in_flight() < (std::min)(share_, link.pace.credits()) &&
           (settings_.max_tasks_per_child == 0 || link.given() < settings_.max_tasks_per_child);
}

/// The one with the least to do.
inline WorkerLink* ProcessManager::choose_worker() noexcept {
    WorkerLink* best = nullptr;
    for (const auto& link : links_)
        if (may_take_more(*link) && (!best || link->in_flight() < best->in_flight())) best = link.get();
    return best;
}

/// A task that waits behind another one while a worker has nothing to do is taken back and given to it; the
/// oldest first, so that calls start in the order of submission.
inline void ProcessManager::balance() {
    for (const auto& idle : links_) {
        if (idle->in_flight() != 0 || !may_take_more(*idle)) continue;
        RemoteTask* oldest = nullptr;
        for (const auto& busy : links_) {
            if (busy->in_flight() < 2) continue;
            for (const WorkerLink::InFlight& entry : busy->table())
                if (entry.task && !entry.revoked &&
                    (!oldest || entry.task->number < oldest->number) &&
                    busy->page().state(entry.task->slot, entry.id) == SlotState::queued)
                    oldest = entry.task;
        }
        if (!oldest) return;
        if (!oldest->worker->try_revoke(*oldest)) continue;
        oldest->retain();  // the revoked entry keeps its own reference until the worker has skipped it
        oldest->id = ++last_id_;
        give(*idle, *oldest);
    }
}

/// Strong guarantee but for the order of the queue: a task that cannot be sent waits on.
inline void ProcessManager::give(WorkerLink& link, RemoteTask& task) {
    try {
        link.give(task);
        set_waiting(task, false);
    } catch (...) {
        put_back(task);
        throw;
    }
}

/// With the lock.
inline void ProcessManager::flush_all() noexcept {
    for (const auto& link : links_) {
        try {
            link->flush();
        } catch (const std::exception& error) {
            distrust(*link, error);
        }
    }
}

/// With the lock.
inline int ProcessManager::poll_milliseconds() const {
    int wait = -1;
    const auto at_most = [&wait](std::int64_t milliseconds) {
        const auto bounded = std::clamp<std::int64_t>(milliseconds, 0, 1'000'000);
        if (wait < 0 || bounded < wait) wait = static_cast<int>(bounded);
    };
    const auto now = std::chrono::steady_clock::now();
    if (start_again_ && *start_again_ > now)
        at_most(std::chrono::ceil<std::chrono::milliseconds>(*start_again_ - now).count());
    if (trim_at_ != std::chrono::steady_clock::time_point{})
        at_most(std::chrono::ceil<std::chrono::milliseconds>(trim_at_ - now).count());
    for (const auto& link : links_) {
        if (link->process.watch_fd() < 0 && link->process.pid() > 0) at_most(10);
        if (settings_.idle_timeout && link->phase == WorkerLink::Phase::ready && link->in_flight() == 0)
            at_most(std::chrono::ceil<std::chrono::milliseconds>(*settings_.idle_timeout - (now - link->idle_since))
                        .count());  // idle_timeout may be the longest duration there is
        if (has_limit(*link)) {
            const std::int64_t time = monotonic_nanoseconds();
            const std::int64_t limit = next_limit(*link, time);
            if (limit != TaskLimits::never)
                at_most(std::chrono::ceil<std::chrono::milliseconds>(
                            std::chrono::nanoseconds((std::min)(limit - time, RunningTime::longest_sleep)))
                            .count());
        }
    }
    return wait;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
