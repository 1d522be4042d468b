// SPDX-License-Identifier: MIT
//
// rank_lane.hpp: a lane of a rank: its jobs, which run one after the other in the order in which they came.
//
//     lane.push(std::move(job));                     // the thread that receives
//     std::optional<RankJob> next = lane.take();     // the thread that runs them
//     for (RankJob& job : lane.take_unstarted()) …   // a recall
//
// A job is a task, or what a lane does at the start and end of a pool. Threads: any; the lane has a mutex.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include "concurrent/futures/detail/mpi/frame_batch.hpp"
#include "concurrent/futures/detail/platform/thread_name.hpp"
#include "concurrent/futures/detail/serialization/codecs.hpp"
#include "concurrent/futures/detail/wire/stop_request.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct RankJob {
    ReceivedFrame frame;
    std::string name{};  // of the task
};

class RankLane {
  public:
    /// What a lane knows of a pool.
    struct Pool {
        ByteBuffer configuration{};
        std::span<const std::byte> worker_exit{};  // in the configuration
        bool failed = false;                       // the initializer threw
    };

    /// `results`: where large results are encoded; null: in the heap.
    explicit RankLane(std::size_t number_of_lane, ByteStore* results = nullptr)
        : number(number_of_lane), reply(ByteBuffer(results)) {}
    RankLane(const RankLane&) = delete;
    RankLane& operator=(const RankLane&) = delete;

    bool empty() {
        const std::lock_guard lock(mutex_);
        return jobs_.empty();
    }
    void push(RankJob job) {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
    }
    std::optional<RankJob> take() {
        const std::lock_guard lock(mutex_);
        return take_first();
    }
    /// The tasks among the jobs; the one that runs is none of them any more.
    std::deque<RankJob> take_unstarted() {
        std::deque<RankJob> tasks, others;
        const std::lock_guard lock(mutex_);
        for (RankJob& job : jobs_) (job.frame.header.type == FrameType::task ? tasks : others).push_back(std::move(job));
        jobs_ = std::move(others);
        return tasks;
    }

    // A lane with a thread of its own.

    /// As push(). Starts the thread if it has none; `run(lane, job)` is called there, without a lock. The thread ends when
    /// no pool uses the lane. By one thread at a time.
    template <class Run>
    void push_for_thread(RankJob job, Run run) {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
        if (!runs_) {
            // The thread before has said that it ends. It may run destructors of the user, so it is not waited for here.
            if (thread_.joinable()) before_ = std::move(thread_);
            thread_ = std::thread([this, run] {
                if (before_.joinable()) before_.join();
                run_thread(run);
            });
            runs_ = true;
        }
        changed_.notify_one();
    }
    /// Returns when all jobs have run.
    void stop_thread() {
        {
            const std::lock_guard lock(mutex_);
            ends_ = true;
            changed_.notify_one();
        }
        if (thread_.joinable()) thread_.join();
        if (before_.joinable()) before_.join();  // if no thread could be started after it
    }

    const std::size_t number;
    StopRequest stop_request;
    // Of the thread that runs the jobs.
    std::map<std::uint32_t, Pool> pools;  // by number
    Encoder reply;                        // memory for results
    std::int64_t last_end = 0;            // when the last task ended, if the next one follows at once; or 0

  private:
    std::optional<RankJob> take_first() {
        if (jobs_.empty()) return std::nullopt;
        std::optional<RankJob> job(std::move(jobs_.front()));
        jobs_.pop_front();
        return job;
    }
    template <class Run>
    void run_thread(Run run) {
        name_current_thread("cf_rank", number);
        for (;;) {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [&] { return !jobs_.empty() || ends_; });
            std::optional<RankJob> job = take_first();
            if (job) {
                lock.unlock();
                run(*this, *job);
                const bool is_last = pools.empty();
                job.reset();
                lock.lock();
                if (!is_last || !jobs_.empty()) continue;
            }
            runs_ = false;
            return;
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<RankJob> jobs_;  // guarded by mutex_
    bool ends_ = false;         // guarded by mutex_
    bool runs_ = false;         // guarded by mutex_: there is a thread that looks at jobs_
    std::thread thread_;        // of the thread that receives
    std::thread before_;        // that has said that it ends; of `thread_`, which waits for it
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
