// SPDX-License-Identifier: MIT
//
// mpi_pool.hpp: one pool of an MPI job: its settings, its queue, its numbers.
//
//     open ──▶ closed ──▶ leaving ──▶ ended
//       shut down   nothing left to run:     all lanes that knew the pool have left, and its tasks
//                   its lanes are told       have been told how they ended
//
// A pool that is broken goes the same way: it has nothing left to run. Guarded by the engine's mutex, except what is
// constant and SubmissionQueue::intake.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/mpi/root_lane.hpp"
#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"
#include "concurrent/futures/detail/serialization/byte_buffer.hpp"
#include "concurrent/futures/detail/state/pool_watch.hpp"
#include "concurrent/futures/detail/state/unhandled.hpp"
#include "concurrent/futures/detail/wire/submission_queue.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/observer.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class MpiHub;

struct MpiSettings {
    std::size_t max_workers = 1;
    ByteBuffer initializer{};
    ByteBuffer worker_exit{};
    std::size_t max_pending = 0;
    QueueFull on_full = QueueFull::block;
    UnhandledExceptionHook hook{};
    bool report_unobserved = false;
    std::shared_ptr<Observer> observer{};
};

class MpiPool {
  public:
    enum class Stage : std::uint8_t { open, closed, leaving, ended };
    struct Counts {
        std::size_t workers, idle, pending, running, completed, failed, cancelled;
    };

    /// `rule`: of the engine's mutex.
    MpiPool(std::shared_ptr<MpiHub> hub, const LockRule& rule, MpiSettings settings)
        : queue(rule),
          settings_(std::move(settings)),
          rule_(rule),
          hub_(std::move(hub)),
          watch_(settings_.observer, "ranks", {}, settings_.max_workers, settings_.hook) {}
    MpiPool(const MpiPool&) = delete;
    MpiPool& operator=(const MpiPool&) = delete;

    MpiHub& hub() const noexcept { return *hub_; }
    const MpiSettings& settings() const noexcept { return settings_; }
    const PoolWatch& watch() const noexcept { return watch_; }

    // All below with the mutex.

    Stage stage() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return stage_;
    }
    bool is_closed() const noexcept { return stage() != Stage::open; }
    void close() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        if (stage_ == Stage::open) stage_ = Stage::closed;
        queue.close();
    }
    void begin_to_leave() noexcept {
        CONCURRENT_FUTURES_ASSERT(stage() == Stage::closed && in_flight == 0 && queue.waiting() == 0);
        stage_ = Stage::leaving;
    }
    void end() noexcept {
        CONCURRENT_FUTURES_ASSERT(stage() == Stage::leaving && leaving == 0);
        stage_ = Stage::ended;
    }
    bool is_broken() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return !broken.empty();
    }
    void throw_if_closed() const {
        if (is_broken()) throw BrokenProcessPool(broken);
        if (is_closed()) throw ShutdownError("MPIPoolExecutor: cannot schedule new tasks after shutdown");
    }
    bool knows(const RootLane& lane) const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return std::find(started.begin(), started.end(), &lane) != started.end();
    }
    /// Tasks of it wait, or are with a rank.
    bool has_tasks() const noexcept { return queue.waiting() != 0 || queue.intake.has_tasks() || in_flight != 0; }
    std::size_t ended_tasks() const noexcept { return completed + failed + cancelled; }
    /// For stats(). Tasks that a rank gives back wait, too.
    Counts counts() noexcept;
    bool is_bounded() const noexcept { return settings_.max_pending != 0; }
    bool is_full() const noexcept { return queue.waiting() >= settings_.max_pending; }

    SubmissionQueue queue;
    std::uint32_t number = 0;         // in frames
    ByteBuffer configuration{};       // what a lane is sent first
    std::vector<RootLane*> lanes{};   // the workers
    std::vector<RootLane*> started{};  // those that have been sent the configuration
    std::size_t in_flight = 0;        // tasks
    std::size_t leaving = 0;          // lanes that still run worker_exit
    std::size_t completed = 0, failed = 0, cancelled = 0;
    std::string broken{};             // why; or empty

  private:
    const MpiSettings settings_;
    const LockRule& rule_;
    const std::shared_ptr<MpiHub> hub_;
    const PoolWatch watch_;
    Stage stage_ = Stage::open;
};

inline MpiPool::Counts MpiPool::counts() noexcept {
    queue.collect();
    Counts counts{0, 0, queue.waiting(), 0, completed, failed, cancelled};
    if (stage() == Stage::ended) return counts;
    for (const RootLane* const lane : started) {
        ++counts.workers;
        counts.idle += lane->is_idle();
        for (std::size_t i = 0; i < lane->in_flight.size(); ++i)
            if (lane->in_flight[i].pool == this) ++(i == 0 ? counts.running : counts.pending);
        for (const RootLane::InFlight& each : lane->returned) counts.pending += each.pool == this;
    }
    return counts;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
