// SPDX-License-Identifier: MIT
//
// rank_server.hpp: what a rank does for MPI pools: runs tasks, whatever way they come in and results go out.
//
//     frames ──▶ receive() ──▶ lane 0: the rank's own thread      ──▶ outbox ──▶ the root
//                              lane 1…: a thread each
//
//     server.receive(std::move(frame));            // by the thread that has the channel
//     server.run_next([] {});                      // the rank's own thread
//     if (Outgoing out = server.outbox().take(); !out.empty()) …
//
// A lane runs one task at a time. A pool with no more workers than ranks uses lane 0 of each rank only. The initializer and
// worker_exit run in the lane, too. Lanes with threads end when no pool uses them: rank_lane.hpp. How a task is run:
// rank_tasks.hpp.
// Threads: receive() from one at a time; lanes and outbox have a mutex each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/mpi/rank_lane.hpp"
#include "concurrent/futures/detail/mpi/rank_outbox.hpp"
#include "concurrent/futures/detail/mpi/rank_regions.hpp"
#include "concurrent/futures/detail/mpi/rank_tasks.hpp"
#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class RankServer {
  public:
    enum class Place : std::uint8_t {
        rank,     // lane 0 has no thread: run_next() runs its jobs
        only_one  // the root itself, which waits for results: lane 0 has a thread, too
    };

    /// `on_replies` is called when a thread of a lane has put something into the outbox, without a lock.
    /// `results`: where large results are encoded; null: in the heap. `channel`: of the mutex of whoever receives; its
    /// engine thread is the one that calls run_next().
    RankServer(Place place, std::function<void()> on_replies, ByteStore* results = nullptr,
               const LockRule& channel = LockRule::none())
        : place_(place),
          channel_(channel),
          on_replies_(std::move(on_replies)),
          results_(results),
          regions_(place == Place::only_one),
          first_(lane(0)) {}
    RankServer(const RankServer&) = delete;
    RankServer& operator=(const RankServer&) = delete;
    ~RankServer() { stop_threads(); }

    /// May put answers into the outbox. Throws SerializationError for what is no frame for ranks.
    void receive(ReceivedFrame frame);
    /// A job of lane 0, in this thread, after before(). False: there is none.
    template <class Before>
    bool run_next(Before before);
    /// What the last run_next() took, in nanoseconds.
    std::int64_t last_duration() const noexcept { return last_duration_; }
    bool has_jobs() { return !first_.empty(); }
    /// The rank's own thread must not sleep. Another thread may have received what there is to do.
    bool has_work() { return has_jobs() || has_quit(); }
    RankOutbox& outbox() noexcept { return outbox_; }
    /// All jobs of lanes with threads have run then.
    void stop_threads() {
        for (const auto& each : lanes_) each->stop_thread();
    }

    bool has_quit() const noexcept {
        // (1) acquire, pairs with (2): root_failure().
        return quit_.load(std::memory_order_acquire);
    }
    /// Why the root has failed; empty: it has not.
    const std::string& root_failure() const noexcept { return root_failure_; }
    /// After the last job: the root waits for an answer, which goes into the outbox.
    void answer_quit() {
        if (answers_quit_) outbox_.add(FrameType::quit, 0, 0, {});
    }

  private:
    RankLane& lane(std::size_t number);
    void add_job(ReceivedFrame frame);
    void recall(RankLane& from);
    void run_in_thread(RankLane& lane, const RankJob& job) noexcept;

    const Place place_;
    const LockRule& channel_;
    const std::function<void()> on_replies_;
    ByteStore* const results_;
    RankOutbox outbox_;
    RankRegions regions_;
    RankTasks tasks_{outbox_, regions_, results_};
    std::vector<std::unique_ptr<RankLane>> lanes_;  // of whoever receives; a lane stays
    RankLane& first_;
    Atomic<bool> quit_{false};
    std::string root_failure_;   // written before quit_ is set, as answers_quit_
    bool answers_quit_ = false;  // the root waits for an answer to `quit`
    std::string next_name_;  // of the next task
    std::int64_t last_duration_ = 0;
};

inline RankLane& RankServer::lane(std::size_t number) {
    if (number >= 4096) throw SerializationError("a frame of an MPI pool names lane " + std::to_string(number));
    while (lanes_.size() <= number) lanes_.push_back(std::make_unique<RankLane>(lanes_.size(), results_));
    return *lanes_[number];
}

inline void RankServer::receive(ReceivedFrame frame) {
    CONCURRENT_FUTURES_ASSERT(channel_.locked());
    switch (frame.header.type) {
        case FrameType::task:
        case FrameType::configure:
        case FrameType::stop:
            return add_job(std::move(frame));
        case FrameType::task_name:
            next_name_.assign(reinterpret_cast<const char*>(frame.body.data()), frame.body.size());
            return;
        case FrameType::recall:
            return recall(lane(frame.header.slot));
        case FrameType::ask_to_stop:
            lane(frame.header.slot).stop_request.ask_to_stop(frame.header.task);
            return;
        case FrameType::region:
            return regions_.announce(frame);
        case FrameType::memory:
            return regions_.keep(frame);
        case FrameType::forget:
            return regions_.forget(frame);
        case FrameType::quit:
            root_failure_.assign(reinterpret_cast<const char*>(frame.body.data()), frame.body.size());
            answers_quit_ = frame.header.task == wants_answer;
            if (answers_quit_)
                for (const auto& each : lanes_) each->take_unstarted();  // nobody waits for these tasks
            // (2) release, pairs with (1).
            quit_.store(true, std::memory_order_release);
            return;
        default:
            throw SerializationError("an MPI rank got a frame that is not for ranks");
    }
}

inline void RankServer::add_job(ReceivedFrame frame) {
    RankLane& to = lane(frame.header.slot);
    RankJob job{std::move(frame), std::exchange(next_name_, {})};
    if (to.number == 0 && place_ == Place::rank) return to.push(std::move(job));
    to.push_for_thread(std::move(job), [this](RankLane& mine, const RankJob& next) { run_in_thread(mine, next); });
}

/// Those that have not started go back.
inline void RankServer::recall(RankLane& from) {
    for (const RankJob& job : from.take_unstarted())
        outbox_.add(FrameType::skipped, job.frame.header.task, from.number, {});
    outbox_.add(FrameType::recalled, 0, from.number, {});
}

template <class Before>
bool RankServer::run_next(Before before) {
    CONCURRENT_FUTURES_ASSERT(channel_.on_engine_thread() && channel_.unlocked());  // user code runs
    std::optional<RankJob> job = first_.take();
    if (!job) {
        first_.last_end = 0;
        return false;
    }
    before();
    last_duration_ = tasks_.run(first_, *job);
    return true;
}

inline void RankServer::run_in_thread(RankLane& lane, const RankJob& job) noexcept {
    CONCURRENT_FUTURES_ASSERT(channel_.unlocked());  // user code runs
    try {
        tasks_.run(lane, job);
    } catch (const std::exception& error) {  // no memory for an answer: the root would wait for ever
        std::fprintf(stderr, "concurrent::futures: an MPI rank cannot answer: %s\n", error.what());
        std::abort();
    }
    lane.last_end = 0;
    on_replies_();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
