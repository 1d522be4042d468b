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

namespace concurrent::futures::inline v1::detail {

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
      tree_share_(std::move(share)),
      configuration_(configuration_of(settings_)) {
    polled_.reserve(2);
    if (settings_.run_inline) {
        initialize_here();
        return;
    }
    make_payload_memory();
    // Last, so that nothing can fail when that process is there.
    if (!settings_.spawn) template_.emplace(tree_share_.for_each_worker());
}

inline ProcessManager::~ProcessManager() {
    if (template_ && !in_forked_child()) template_->stop();
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
    this_thread_may_help = true;
    for (bool over = false; !over;) {
        guarded_step();
        const std::lock_guard lock(mutex_);
        over = finished() && endings_.empty() && notices_.empty();
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
    }
    for (; missing > 0; --missing)
        if (!start_worker()) break;
    for (const auto& link : links_) link->flush();
    bool may_sleep = false;
    {
        const std::lock_guard lock(mutex_);
        may_sleep = endings_.empty() && notices_.empty() && !finished();
    }
    poll_once(may_sleep);
    deliver_all();
    std::exchange(buried_, {}).clear();
}

/// With the lock: everything that can be decided without waiting. Gives the number of workers to start.
inline std::size_t ProcessManager::dispatch() {
    awake_ = false;
    enforce_limits();
    trim_payloads();
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
    return std::clamp<std::size_t>(workers == 0 ? 1 : tasks / workers, 1, tasks_ahead);
}

inline bool ProcessManager::may_take_more(const WorkerLink& link) const noexcept {
    return link.phase == WorkerLink::Phase::ready && !link.ended && !link.dying() &&
           link.in_flight() < share_ &&
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
    } catch (...) {
        put_back(task);
        throw;
    }
}

inline int ProcessManager::poll_milliseconds() const {
    const std::lock_guard lock(mutex_);
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
            at_most(std::chrono::ceil<std::chrono::milliseconds>(link->idle_since +
                                                                 *settings_.idle_timeout - now)
                        .count());
        if (has_limit(*link)) {
            const std::int64_t time = monotonic_nanoseconds();
            const std::int64_t limit = next_limit(*link, time);
            if (limit != TaskLimits::never)
                at_most(std::chrono::ceil<std::chrono::milliseconds>(
                            std::chrono::nanoseconds(limit - time)).count());
        }
    }
    return wait;
}

inline void ProcessManager::poll_once(bool may_sleep) {
    std::vector<pollfd>& entries = polled_;
    entries.clear();
    entries.push_back({wake_up_.fd(), POLLIN, 0});
    entries.push_back({template_ ? template_->socket() : -1, POLLIN, 0});
    for (const auto& link : links_) {
        // poll() passes over descriptors below 0.
        // A forked worker may be quicker than the news of its pid, which errors are to name.
        entries.push_back({link->process.pid() > 0 ? link->result_fd() : -1, POLLIN, 0});
        entries.push_back({link->has_output() ? link->task_fd() : -1, POLLOUT, 0});
        entries.push_back({link->ended ? -1 : link->process.watch_fd(), POLLIN, 0});
    }
    poll_for(entries, may_sleep ? poll_milliseconds() : 0);
    if (entries[0].revents != 0) wake_up_.clear();
    const std::lock_guard lock(mutex_);
    if (entries[1].revents != 0) read_template();
    auto place = links_.begin();
    for (std::size_t i = 0; place != links_.end(); ++i) {
        WorkerLink& link = **place++;  // bury() takes it away
        if (entries[2 + 3 * i].revents != 0) read_results(link);
        const bool watched = link.process.watch_fd() >= 0;
        const bool exited = (entries[4 + 3 * i].revents & ~(settings_.spawn ? 0 : POLLNVAL)) != 0;
        if (exited || (!watched && link.process.pid() > 0)) note_exit(link);
        if (link.exit_status) bury(link);
    }
}

/// With the lock. A worker whose pipe has ended, or that sends what is no message, is of no more use. One
/// that was told to leave closes its pipe and then runs exit handlers: that is its own time. One that dies
/// closes it too, and how it died is to be heard: it gets a moment to be gone by itself.
inline void ProcessManager::read_results(WorkerLink& link) {
    if (link.result_fd() < 0) return;
    constexpr std::int64_t moment = 100'000'000;
    try {
        const std::uint64_t before = link.received();
        const bool goes_on = link.read_frames([&](Frame& frame) { receive(link, frame); });
        if (link.limited() != 0 && link.received() != before) link.heard_at = monotonic_nanoseconds();
        if (goes_on) return;
        link.close_results();
        if (link.phase == WorkerLink::Phase::retiring || link.killed) return;
        link.kill_at = std::min(link.kill_at, monotonic_nanoseconds() + moment);
    } catch (const std::exception& error) {
        link.close_results();
        if (link.complaint.empty())
            link.complaint = std::string("it sent bytes that are no message: ") + error.what();
        if (!link.ended) link.kill();
    }
}

/// With the lock: one message of a worker. Nothing in it is believed.
inline void ProcessManager::receive(WorkerLink& link, Frame& frame) {
    const FrameHeader& header = frame.header;
    const bool is_start = header.type == FrameType::ready || header.type == FrameType::start_failed;
    if (is_start && link.start_told)
        throw SerializationError("a second message about its start");
    link.start_told = link.start_told || is_start;
    link.fetch_body(frame);
    if (header.type == FrameType::ready) {
        if (link.dying()) return;  // too late: its initializer has used up its time
        link.initialized = true;
        if (link.phase == WorkerLink::Phase::starting) link.phase = WorkerLink::Phase::ready;
        link.idle_since = std::chrono::steady_clock::now();
        start_failures_ = 0;
        link.reads_shared_memory = payloads_ && !frame.body.empty();
        return;
    }
    if (header.type == FrameType::start_failed) {
        link.phase = WorkerLink::Phase::retiring;  // its end will be no news
        notices_.push_back({Notice::Kind::start_failed, std::move(frame.body), link.process.pid()});
        return;
    }
    WorkerLink::InFlight* const entry = link.find(header.slot, header.task);
    const bool is_skip = header.type == FrameType::skipped;
    const bool is_end = header.type == FrameType::result || header.type == FrameType::exception;
    if (!entry || (!is_skip && !is_end) || is_skip != entry->revoked)
        throw SerializationError("a message about task " + std::to_string(header.task) +
                                 ", which it was not running");
    RemoteTask* const task = link.take(*entry);
    link.idle_since = std::chrono::steady_clock::now();
    if (frame.body.is_stored() || task->call().is_stored()) trim_at_ = link.idle_since + payload_patience;
    if (is_skip) return endings_.release(*task);
    fruitless_deaths_ = 0;
    // Results of calls before it may still have been on their way.
    if (link.eviction && link.eviction->cause == WorkerLink::Eviction::Cause::timeout &&
        link.eviction->task == task->id) {
        // It made use of its grace to end by itself, too late all the same. The worker may still be dying.
        end_evicted(*task, link);
        return link.kill();
    }
    if (header.type == FrameType::exception && retry(*task)) return;
    if (frame.lost) return fail(*task, std::make_exception_ptr(std::bad_alloc()));
    task->stage = RemoteTask::Stage::ended;
    ++(header.type == FrameType::result ? completed_ : failed_);
    const auto kind = header.type == FrameType::result ? Ending::Kind::result : Ending::Kind::exception;
    task->ending.body = std::move(frame.body);
    task->ending.pid = link.process.pid();
    endings_.add(*task, kind);
}

}  // namespace concurrent::futures::inline v1::detail
