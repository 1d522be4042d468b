// SPDX-License-Identifier: MIT
//
// process_manager_receive.hpp: what comes in to the manager thread of ProcessManager, and how it sleeps until
// something does. Included by process_manager.hpp, where the class and its picture are.
//
//     wait_for_news() ── nothing ──▶ asleep_, the bells ── still nothing ──▶ poll
//          │ something                     │ something                       │ a wake-up, a death, a time
//          └───────────────────────────────┴─────────────▶ the rings are read ◀─┘
//
// Everybody who brings something looks afterwards whether he must wake the manager: workers at their bells
// (byte_ring.hpp), threads at asleep_. Both were set before the last look, so one of the two sees the other.
#pragma once

#include <algorithm>
#include <exception>
#include <new>
#include <string>

#include "concurrent/futures/detail/platform/spin.hpp"
#include "concurrent/futures/detail/processes/process_manager.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Cheap: something has come in, from workers or from other threads.
inline bool ProcessManager::has_news() const noexcept {
    // relaxed: a hint; looked at again under the mutex.
    if (intake_.may_have_tasks() || news_.load(std::memory_order_relaxed)) return true;
    return std::any_of(links_.begin(), links_.end(),
                       [](const auto& link) { return link->has_news() || link->can_write(); });
}

/// Each worker has something to go on with. Then it pays to wait a moment for more, and do it all in one step.
inline bool ProcessManager::all_are_supplied() const noexcept {
    return !links_.empty() && spinning_pays() && std::all_of(links_.begin(), links_.end(), [](const auto& link) {
        return link->in_flight() >= 2 && !link->has_output();
    });
}

/// False when there are none and the manager may sleep.
inline bool ProcessManager::wait_for_news() {
    if (has_news()) {
        for (int pauses = all_are_supplied() ? 32 : 0; pauses > 0; --pauses) pause();
        return true;
    }
    const bool works = std::any_of(links_.begin(), links_.end(),
                                   [](const auto& link) { return link->in_flight() != 0; });
    return works && last_sleep_ < patience && spin_until([this] { return has_news(); });
}

/// What workers say, and what the system says of them.
inline void ProcessManager::receive_all() {
    bool may_sleep = false;
    {
        const std::lock_guard lock(mutex_);
        may_sleep = endings_.empty() && deliveries_.empty() && notices_.empty() && observations_.empty() && !finished();
    }
    may_sleep = may_sleep && !wait_for_news();
    const std::int64_t now = monotonic_nanoseconds();
    running_time_.note_after(now, 0);
    if (may_sleep || now - last_look_ >= look_interval) return look_at_descriptors(may_sleep);
    const std::lock_guard lock(mutex_);
    for (const auto& link : links_)
        if (link->has_news()) read_results(*link);
}

inline void ProcessManager::look_at_descriptors(bool may_sleep) {
    int milliseconds = 0;
    std::vector<pollfd>& entries = polled_;
    entries.clear();
    {
        const std::lock_guard lock(mutex_);
        entries.push_back({wake_up_.fd(), POLLIN, 0});
        entries.push_back({template_ ? template_->socket() : -1, POLLIN, 0});
        for (const auto& link : links_) {
            // poll() passes over descriptors below 0.
            // A forked worker may be quicker than the news of its pid, which errors are to name.
            entries.push_back({link->process.pid() > 0 ? link->result_fd() : -1, POLLIN, 0});
            entries.push_back({link->task_fd(), POLLOUT, 0});
            entries.push_back({link->ended ? -1 : link->process.watch_fd(), POLLIN, 0});
            if (may_sleep) link->expect_news();
        }
        if (may_sleep) {
            // relaxed: see wake(). From here on other threads may do this one's work.
            asleep_.store(true, std::memory_order_relaxed);
            if (waiting_for_idle_ != 0) ended_.notify_all();
            // relaxed: with the lock.
            const bool nothing =
                !intake_.has_tasks() && !news_.load(std::memory_order_relaxed) && !has_news();
            if (nothing) milliseconds = poll_milliseconds();
        }
    }
    const std::int64_t before = monotonic_nanoseconds();
    running_time_.note_after(before, 0);
    poll_for(entries, milliseconds);
    last_look_ = monotonic_nanoseconds();
    running_time_.note_after(last_look_, milliseconds < 0 ? last_look_ - before : milliseconds * std::int64_t{1'000'000});
    if (may_sleep) last_sleep_ = last_look_ - before;
    const std::lock_guard lock(mutex_);
    // relaxed: with the lock, see wake().
    asleep_.store(false, std::memory_order_relaxed);
    if (entries[0].revents != 0) wake_up_.clear();
    if (entries[1].revents != 0) read_template();
    auto place = links_.begin();
    for (std::size_t i = 0; place != links_.end(); ++i) {
        WorkerLink& link = **place++;  // bury() takes it away
        link.expect_nothing();
        const bool ends = entries[2 + 3 * i].revents != 0 && !link.take_wake_ups();
        if (link.has_news()) read_results(link);
        if (ends) note_end_of_results(link);
        const bool watched = link.process.watch_fd() >= 0;
        const bool exited = (entries[4 + 3 * i].revents & ~(settings_.spawn ? 0 : POLLNVAL)) != 0;
        if (exited || (!watched && link.process.pid() > 0)) note_exit(link);
        if (link.exit_status) bury(link);
    }
}

/// With the lock. A worker whose pipe has ended is of no more use. One that was told to leave closes its pipe and
/// then runs exit handlers: that is its own time. One that dies closes it too, and how it died is to be heard:
/// it gets a moment to be gone by itself.
inline void ProcessManager::note_end_of_results(WorkerLink& link) {
    link.close_results();
    if (link.phase != WorkerLink::Phase::retiring) leave_a_moment(link);
}

/// To end by itself; then it is killed.
inline void ProcessManager::leave_a_moment(WorkerLink& link) noexcept {
    constexpr std::int64_t moment = 100'000'000;
    if (!link.killed) link.kill_at = (std::min)(link.kill_at, monotonic_nanoseconds() + moment);
}

/// With the lock. A worker that sends what is no message is of no more use.
inline void ProcessManager::read_results(WorkerLink& link) {
    if (link.result_fd() < 0) return;
    try {
        const std::uint64_t before = link.received();
        link.read_frames([&](Frame& frame) { receive(link, frame); });
        if (link.received() == before) return;
        link.heard_at = monotonic_nanoseconds();
        link.pace.note_all_read(link.heard_at);
    } catch (const std::exception& error) {
        distrust(link, error);
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
    if (header.type == FrameType::want) {
        if (!link.regions.answer(frame)) leave_a_moment(link);  // what it has sent since is still to be read
        return;
    }
    if (header.type == FrameType::memory) return link.regions.receive(frame);
    if (header.type == FrameType::ready) {
        if (link.dying()) return;  // too late: its initializer has used up its time
        link.initialized = true;
        observe_worker(Observation::Kind::worker_started, link);
        if (link.phase == WorkerLink::Phase::starting) link.phase = WorkerLink::Phase::ready;
        link.idle_since = std::chrono::steady_clock::now();
        start_failures_ = 0;
        link.reads_shared_memory = payloads_ && !frame.body.empty();
        return;
    }
    if (header.type == FrameType::start_failed) {
        link.phase = WorkerLink::Phase::retiring;  // its end will be no news
        notices_.push_back({Notice::Kind::start_failed, std::move(frame.body).kept(), link.process.pid()});
        return;
    }
    WorkerLink::InFlight* const entry = link.find(header.slot, header.task);
    const bool is_skip = header.type == FrameType::skipped;
    const bool is_end = header.type == FrameType::result || header.type == FrameType::exception;
    if (!entry || (!is_skip && !is_end) || is_skip != entry->revoked)
        throw SerializationError("a message about task " + std::to_string(header.task) +
                                 ", which it was not running");
    for (auto& region : link.regions.take_received()) frame.body.keep(std::move(region));
    if (is_end) link.pace.note_end(link.page().started(header.slot));
    RemoteTask* const task = link.take(*entry);
    const bool large = frame.body.is_stored() || task->call().is_stored();
    if (link.in_flight() == 0 || large) link.idle_since = std::chrono::steady_clock::now();
    if (large) trim_at_ = link.idle_since + payload_patience;
    if (is_skip) return endings_.release(*task);
    fruitless_deaths_ = 0;
    observe_start(*task, link);
    // Results of calls before it may still have been on their way.
    if (link.eviction && link.eviction->cause == WorkerLink::Eviction::Cause::timeout &&
        link.eviction->task == task->id) {
        // It made use of its grace to end by itself, too late all the same. The worker may still be dying.
        end_evicted(*task, link);
        return link.kill();
    }
    if (header.type == FrameType::exception && retry(*task)) return;
    try {
        if (frame.lost) throw std::bad_alloc();
        task->keep_answer(std::move(frame.body));
    } catch (const std::bad_alloc&) {
        return fail(*task, std::current_exception());
    }
    task->stage = RemoteTask::Stage::ended;
    observe_end(header.type == FrameType::result ? Observation::Kind::completed : Observation::Kind::failed, *task);
    ++(header.type == FrameType::result ? completed_ : failed_);
    const auto kind = header.type == FrameType::result ? Ending::Kind::result : Ending::Kind::exception;
    task->ending.pid = link.process.pid();
    endings_.add(*task, kind);
}

/// With the lock. It has written into the ring what no worker writes.
inline void ProcessManager::distrust(WorkerLink& link, const std::exception& error) noexcept {
    if (link.complaint.empty())
        link.complaint = text_or_why_not(
            [&] { return std::string("it sent bytes that are no message: ") + error.what(); });
    if (!link.ended) link.kill();  // first: it is not to die of a pipe that is closed
    link.close_results();
    link.close_tasks();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
