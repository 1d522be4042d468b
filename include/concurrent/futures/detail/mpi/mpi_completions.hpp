// SPDX-License-Identifier: MIT
//
// mpi_completions.hpp: how the tasks of MPI pools end, see completions.hpp; and how threads that wait for a task deliver
// results in place of the engine thread.
//
//     completions.end(task, Ending::Kind::result);        // with the mutex
//     completions.deliver_all(on_start_failure);          // engine thread, without the mutex: user code runs here
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "concurrent/futures/detail/mpi/mpi_observer.hpp"
#include "concurrent/futures/detail/mpi/mpi_pool.hpp"
#include "concurrent/futures/detail/mpi/root_peers.hpp"
#include "concurrent/futures/detail/state/unhandled.hpp"
#include "concurrent/futures/detail/wire/completions.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Something that a lane said of which no task is told.
struct LaneNotice {
    enum class Kind : std::uint8_t { start_failed, exit_failed, worker_started, worker_ended } kind;
    std::shared_ptr<MpiPool> pool;
    const RootPeer* peer;
    ByteBuffer body{};       // start_failed, exit_failed: an exception
    std::size_t worker = 0;  // worker_started, worker_ended: its number
};

class MpiCompletions : public Completions<LaneNotice> {
  public:
    using Notice = LaneNotice;

    /// `rule`: of the engine's mutex. Throws std::bad_alloc.
    explicit MpiCompletions(const LockRule& rule) : Completions(rule) {}

    // With the mutex.

    /// To be told by the engine, before what comes later. Without memory it is not told.
    void add_worker(const std::shared_ptr<MpiPool>& pool, const RootLane& lane, bool started) noexcept {
        if (!pool || !pool->watch()) return;
        try {
            add({.kind = started ? Notice::Kind::worker_started : Notice::Kind::worker_ended,
                 .pool = pool,
                 .peer = &lane.peer,
                 .worker = lane.worker});
        } catch (...) {
        }
    }
    /// Everything has been told, and no other thread is about to tell. When the engine thread sleeps.
    bool is_told() const noexcept { return !has_endings() && telling_ == 0; }
    /// Engine thread: it tells users of what has ended, perhaps in a callback, from the first to the second.
    void begin_round() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule().writable());
        in_round_ = true;
    }
    void end_round() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule().writable());
        in_round_ = false;
        ++rounds_;
    }
    /// All that had ended when this was first asked with this `since`, which was empty, has been told.
    bool is_told_since(std::optional<std::uint64_t>& since) const noexcept {
        if (telling_ != 0) return false;
        if (!in_round_ && is_told()) return true;
        if (!since) since = rounds_;
        return *since != rounds_;
    }
    /// Other threads tell tasks how they ended.
    bool is_told_elsewhere() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule().locked());
        return telling_ != 0;
    }

    // Without the mutex.

    /// Engine thread. `on_start_failure(pool, why)`: the initializer threw on a rank.
    template <class OnStartFailure>
    void deliver_all(OnStartFailure on_start_failure) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule().on_engine_thread() && rule().unlocked());
        Completions::deliver_all(
            [](std::unique_lock<std::mutex>&) { return false; },
            [&](const Notice& notice) {
                if (notice.kind == Notice::Kind::start_failed)
                    on_start_failure(*notice.pool, start_failure_text(notice));
                else
                    tell(notice);
            },
            [this](RemoteTask& task, Ending& ending) {
                MpiObserver::tell(static_cast<MpiTask&>(task));
                if (ending.kind == Ending::Kind::result) task.drop_call(ending.body);
                deliver(task, ending);
            });
    }
    /// A thread that waits for `task`, with the lock, which it lets go of meanwhile: delivers the result of that task and of
    /// those before it whose end runs no code of the user, as this thread may hold a lock that such code needs.
    /// `on_callbacks()`: a task is left that has callbacks.
    template <class OnCallbacks>
    void deliver_plain(std::unique_lock<std::mutex>& lock, const MpiTask& task, OnCallbacks on_callbacks) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule().locked());
        const auto may_end = [&](const RemoteTask& next) {
            const auto& ended = static_cast<const MpiTask&>(next);
            return ended.ending.kind == Ending::Kind::result &&
                   (&ended == &task || (ended.has_plain_result && !ended.watched_by));
        };
        for (Deliveries some; some.take_from(endings(), may_end), !some.empty();) {
            ++telling_;
            lock.unlock();
            while (!some.empty()) {
                Deliveries::Delivery next = some.pop_front();
                MpiObserver::tell(static_cast<MpiTask&>(*next.task));
                next.task->drop_call(next.ending.body);
                if (!deliver_untold(*next.task, next.ending)) on_callbacks();
            }
            lock.lock();
            --telling_;
        }
    }

  private:
    static void tell(const Notice& notice) noexcept;
    static std::string start_failure_text(const Notice& notice) noexcept;

    unsigned telling_ = 0;  // other threads that are about to tell tasks
    bool in_round_ = false;
    std::uint64_t rounds_ = 0;  // that the engine thread has ended
};

/// One wait for an idle pool, which looks now and then, with the mutex.
class IdleLook {
  public:
    /// No task of the pool waits or runs, and all that have ended, between two looks as well, have been told.
    bool finds_idle(const MpiPool& pool, const MpiCompletions& completions) noexcept {
        if (pool.has_tasks()) return since_.reset(), false;
        if (const std::size_t ended = pool.ended_tasks(); ended != ended_) {
            ended_ = ended;
            since_.reset();
        }
        return pool.stage() == MpiPool::Stage::ended || completions.is_told_since(since_);
    }

  private:
    std::optional<std::uint64_t> since_;  // the round, when there were no tasks
    std::size_t ended_ = 0;               // tasks, then
};

inline void MpiCompletions::tell(const Notice& notice) noexcept {
    if (notice.kind == Notice::Kind::exit_failed)
        return report_unhandled(notice.pool->settings().hook, decode_failure(notice.body, notice.peer->pid()),
                                "an MPI pool's worker_exit");
    MpiObserver::tell_worker(notice.pool->watch(), *notice.peer, notice.worker,
                             notice.kind == Notice::Kind::worker_started);
}

inline std::string MpiCompletions::start_failure_text(const Notice& notice) noexcept {
    return text_or_why_not([&] {
        const std::string thrown = "MPIPoolExecutor: the initializer threw on rank " + std::to_string(notice.peer->rank) +
                                   " (host " + notice.peer->card.host_name() + "): ";
        try {
            std::rethrow_exception(decode_failure(notice.body, notice.peer->pid()));
        } catch (const std::exception& error) {
            return thrown + error.what();
        } catch (...) {
            return thrown + "something that is no std::exception";
        }
    });
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
