// SPDX-License-Identifier: MIT
//
// result_reader.hpp: what workers send to a process pool: here a message becomes the end of a task.
//
//     reader.read(link);                       // all that this worker has sent
//     reader.distrust(link, error);            // it has sent bytes that are no message
//
// Nothing in a message is believed: a message that makes no sense ends its worker. Results are not decoded here, but in
// their delivery (completion_queue.hpp), without the mutex. Threads: with the pool's mutex.
#pragma once

#include <cstdint>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/processes/pool_tables.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class ResultReader {
  public:
    explicit ResultReader(PoolTables& pool) noexcept : pool_(pool) {}

    void read(WorkerLink& link) {
        CONCURRENT_FUTURES_ASSERT(pool_.rule.locked());
        if (link.pipes().result_fd() < 0) return;
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
    void distrust(WorkerLink& link, const std::exception& error) noexcept {
        CONCURRENT_FUTURES_ASSERT(pool_.rule.locked());
        link.life.complain(
            text_or_why_not([&] { return std::string("it sent bytes that are no message: ") + error.what(); }));
        if (!link.life.has_exited()) link.kill();  // first: it is not to die of a pipe that is closed
        link.pipes().close_results();
        link.pipes().close_tasks();
    }
    /// The worker has closed its pipe. One that was told to leave closes it and then runs exit handlers, in its own
    /// time. One that dies closes it too, and gets a moment to be gone by itself.
    static void note_end_of_results(WorkerLink& link) {
        link.pipes().close_results();
        if (link.life.last_phase() != WorkerState::stopping) link.leave_a_moment();
    }

  private:
    void receive(WorkerLink& link, Frame& frame) {
        const FrameType type = frame.header.type;
        const bool is_start = type == FrameType::ready || type == FrameType::start_failed;
        if (is_start && !link.life.awaits_start_report())
            throw SerializationError("a second message about its start");
        link.fetch_body(frame);
        switch (type) {
            case FrameType::want:
                if (!link.regions.answer(frame)) link.leave_a_moment();  // what it has sent since is still to be read
                return;
            case FrameType::memory:
                return link.regions.receive(frame);
            case FrameType::ready:
                return note_ready(link, frame);
            case FrameType::start_failed:
                link.life.note_start_failed();
                return pool_.completions.add({CompletionQueue::Notice::Kind::start_failed,
                                              std::move(frame.body).kept(), link.process.pid()});
            default:
                return note_end_of_task(link, frame);
        }
    }
    void note_ready(WorkerLink& link, const Frame& frame) {
        if (!link.life.note_ready()) return;
        pool_.observer.note_worker(Observation::Kind::worker_started, link);
        link.idle_since = std::chrono::steady_clock::now();
        pool_.budget.note_ready();
        link.reads_shared_memory = pool_.memory.arena() && !frame.body.empty();
    }
    void note_end_of_task(WorkerLink& link, Frame& frame);
    void keep_answer(RemoteTask& task, const WorkerLink& link, Frame& frame);

    PoolTables& pool_;
};

inline void ResultReader::note_end_of_task(WorkerLink& link, Frame& frame) {
    const FrameHeader& header = frame.header;
    InFlight* const entry = link.tasks.find(header.slot, header.task);
    const bool is_skip = header.type == FrameType::skipped;
    const bool is_end = header.type == FrameType::result || header.type == FrameType::exception;
    if (!entry || (!is_skip && !is_end) || is_skip != entry->revoked)
        throw SerializationError("a message about task " + std::to_string(header.task) +
                                 ", which it was not running");
    for (auto& region : link.regions.take_received()) frame.body.regions.keep(std::move(region));
    if (is_end) link.pace.note_end(link.page().started(header.slot));
    RemoteTask* const task = link.tasks.take(*entry);
    const bool large = frame.body.is_stored() || task->call().is_stored();
    if (link.tasks.in_flight() == 0 || large) link.idle_since = std::chrono::steady_clock::now();
    if (large) pool_.memory.note_large(link.idle_since);
    if (is_skip) return pool_.completions.release(*task);
    pool_.budget.note_task_ran();
    pool_.observer.note_start(*task, link);
    // Results of tasks before it may still have been on their way.
    if (link.life.is_evicted_for(task->id) && link.life.eviction()->cause == WorkerLife::Eviction::Cause::timeout) {
        // It made use of its grace to end by itself, too late all the same. The worker may still be dying.
        pool_.end_evicted(*task, link);
        return link.kill();
    }
    if (header.type == FrameType::exception && pool_.retry(*task)) return;
    keep_answer(*task, link, frame);
}

inline void ResultReader::keep_answer(RemoteTask& task, const WorkerLink& link, Frame& frame) {
    try {
        if (frame.lost) throw std::bad_alloc();
        task.keep_answer(std::move(frame.body));
    } catch (const std::bad_alloc&) {
        return pool_.fail(task, std::current_exception());
    }
    const bool is_result = frame.header.type == FrameType::result;
    task.stage = RemoteTask::Stage::ended;
    pool_.observer.note_end(is_result ? Observation::Kind::completed : Observation::Kind::failed, task);
    ++(is_result ? pool_.completions.counts().completed : pool_.completions.counts().failed);
    task.ending.pid = link.process.pid();
    pool_.completions.end(task, is_result ? Ending::Kind::result : Ending::Kind::exception);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
