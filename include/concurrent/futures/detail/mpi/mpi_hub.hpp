// SPDX-License-Identifier: MIT
//
// mpi_hub.hpp: the engine of MPI pools at the root: one mutex, one thread, and the parts that do the work.
//
//     submit() ──▶ SubmissionQueue ──▶ LaneDispatcher ──▶ RootLane ══ messages ══▶ a rank: RankLoop
//      (any thread)      ▲              (engine thread)      │ in flight                 │
//                        └── ReplyReader: given back, ◀──────┤                           │
//                            not started                     │                           │
//                            ReplyReader: results ◀══════════╧═══════════════════════════╛
//                                  ▼
//                            MpiCompletions: the futures end, callbacks run
//
// All pools of a communicator share its ranks: a lane runs one task at a time, whichever pool it is of. One step of the
// engine thread: hand out tasks, take in a message, ask for tasks back, let pools end; then deliver what has ended. The
// thread lives as long as there are pools. While it sleeps, other threads may go the same ways in its place. One mutex
// guards all of it, MPI included; user code runs in the delivery only, without it. A callback may wait for another task: it
// then makes the steps itself.
//
// Who owns what: HubTables holds the data and the mutex. Where things happen: how many tasks go out in advance,
// lane_pace.hpp; a task goes out, lane_dispatcher.hpp; a result comes in, reply_reader.hpp; a thrown exception is decoded,
// completions.hpp, a value, mpi_call.hpp; a task is cancelled, mpi_cancellation.hpp; the engine sleeps,
// engine_sleep.hpp; another thread works in its place, mpi_direct_path.hpp; a pool ends, pool_closer.hpp; bytes are sent,
// remote_port.hpp. None of these needs MPI but the last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "concurrent/futures/detail/mpi/engine_thread.hpp"
#include "concurrent/futures/detail/mpi/hub_tables.hpp"
#include "concurrent/futures/detail/mpi/lane_dispatcher.hpp"
#include "concurrent/futures/detail/mpi/mpi_cancellation.hpp"
#include "concurrent/futures/detail/mpi/mpi_direct_path.hpp"
#include "concurrent/futures/detail/mpi/mpi_room.hpp"
#include "concurrent/futures/detail/mpi/pool_closer.hpp"
#include "concurrent/futures/detail/mpi/rank_server.hpp"
#include "concurrent/futures/detail/mpi/reply_reader.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/state/idle_waiters.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class MpiHub : public std::enable_shared_from_this<MpiHub> {
  public:
    MpiHub() { hub_.rule.begin(); }
    MpiHub(const MpiHub&) = delete;
    MpiHub& operator=(const MpiHub&) = delete;
    ~MpiHub() { retire_thread(); }

    /// Once, before there are pools.
    void open(std::unique_ptr<MpiPort> port) {
        hub_.peers.open(std::move(port));
        hub_.sleep.set_bell(hub_.peers.node().bell);
    }
    /// Ends all pools and the service of the ranks. `failure`: why the root has failed; or empty.
    void close(const std::string& failure = {});
    std::size_t rank_count() const noexcept { return hub_.peers.size(); }
    bool in_forked_child() const noexcept { return born_.in_forked_child(); }
    const LockRule& lock_rule() const noexcept { return hub_.rule; }
    /// Where large calls are encoded; null: in the heap.
    ByteStore* call_store() const noexcept { return hub_.peers.node().calls; }
    /// By the port, when there is news.
    void wake() noexcept { hub_.sleep.wake(); }

    /// Throws BrokenProcessPool, std::system_error when no thread can be started.
    void add(const std::shared_ptr<MpiPool>& pool);
    /// Takes over a reference. Throws ShutdownError, BrokenProcessPool, QueueFullError: then it is still the caller's.
    void submit(MpiPool& pool, MpiTask& task, Priority priority);
    /// True to one caller: the task will not run and is the caller's to end as cancelled.
    bool revoke(MpiPool& pool, MpiTask& task) {
        return !born_.in_forked_child() && cancellation_.revoke(pool, task, [this] { return work_or_wake(); });
    }
    bool is_revoked(const MpiTask& task) const { return !born_.in_forked_child() && cancellation_.is_revoked(task); }
    bool is_running(const MpiTask& task) const { return !born_.in_forked_child() && cancellation_.is_running(task); }
    /// False: ask again. Throws std::invalid_argument if it runs and takes no std::stop_token.
    bool request_stop(MpiTask& task) {
        if (born_.in_forked_child()) return true;
        const bool asked = cancellation_.request_stop(task);
        if (asked) wake();  // the message may have found no room
        return asked;
    }
    /// `close`: no more submissions.
    void begin_shutdown(MpiPool& pool, bool cancel_pending, bool close = true);
    /// Waits until no task waits or runs, and all have been told; false when the deadline passed first. Throws
    /// std::system_error on the engine thread.
    bool wait_idle(const MpiPool& pool, const Deadline& deadline);
    /// Waits until all lanes have left the pool; false when the deadline passed first. On the engine thread: returns true
    /// at once.
    bool join(const MpiPool& pool, const Deadline& deadline);
    MpiPool::Counts counts(MpiPool& pool);
    void count_unreadable_result(MpiPool& pool) noexcept {
        const std::lock_guard lock(hub_.mutex);
        --pool.completed;
        ++pool.failed;
    }

    bool on_engine_thread() const noexcept { return current_ == this; }
    /// Any thread that is about to sleep until this task has ended, as `done()` tells: looks for its result for a moment.
    template <class Done>
    bool look_for_end(MpiTask& task, Done done) noexcept {
        return on_engine_thread() || born_.in_forked_child() ? done() : direct_.look_for_end(task, done);
    }
    /// On the engine thread only: works until the task has ended, or the deadline has passed.
    template <class Done>
    void work_until(Done done, const Deadline& deadline) {
        CONCURRENT_FUTURES_ASSERT(on_engine_thread());
        while (!done() && !deadline.passed()) work_once(true, deadline);
    }

  private:
    // The engine thread.
    void run() noexcept;
    void work_once(bool may_sleep, const Deadline& until = Deadline::never()) noexcept;
    bool step() noexcept;
    void sleep(HubTables::Lock& lock, const Deadline& until = Deadline::never());
    bool has_news() noexcept;
    void break_all(const std::exception& error) noexcept;
    void deliver() noexcept;

    // Any thread.
    bool work_or_wake() noexcept;
    void retire_thread();

    static constexpr auto keeps_memory_for = tuning::large_memory_kept;  // without news

    inline static constinit thread_local const MpiHub* current_ = nullptr;  // on an engine thread: its own

    const ForkMark born_;
    mutable HubTables hub_;
    LaneDispatcher dispatcher_{hub_};
    ReplyReader replies_{hub_};
    PoolCloser closer_{hub_};
    MpiDirectPath direct_{hub_, dispatcher_, replies_};
    mutable MpiCancellation cancellation_{hub_, dispatcher_};
    MpiRoom room_{hub_};
    IdleWaiters idle_waiters_;
    bool runs_ = false;  // the thread; guarded by the mutex
    EngineThread thread_;
};

// ---- the engine thread ---------------------------------------------------------------------------

inline void MpiHub::run() noexcept {
    current_ = this;
    const Serving serving([this] { work_once(false); });
    HubTables::Lock lock(hub_.mutex);
    hub_.rule.note_engine_thread();
    hub_.sleep.note_news();
    for (;;) {
        const bool progress = step();
        if (hub_.completions.has_any()) {
            hub_.completions.begin_round();
            lock.unlock();
            deliver();
            lock.lock();
            hub_.completions.end_round();
            continue;
        }
        if (MpiPools::Pool over = closer_.end()) {
            lock.unlock();
            over.reset();  // with the user's hooks
            lock.lock();
            continue;
        }
        if (hub_.pools.empty()) break;
        if (!progress) sleep(lock);
    }
    runs_ = false;
    hub_.changed.notify_all();
}

/// In a callback that waits for another task.
inline void MpiHub::work_once(bool may_sleep, const Deadline& until) noexcept {
    HubTables::Lock lock(hub_.mutex);
    const bool progress = step();
    if (may_sleep && !progress && hub_.completions.empty()) sleep(lock, until);
    lock.unlock();
    deliver();
}

/// With the mutex. True if something has happened.
inline bool MpiHub::step() noexcept {
    CONCURRENT_FUTURES_ASSERT(hub_.rule.writable());
    bool progress = false;
    try {
        if (hub_.is_broken()) {  // what is left is to end
            closer_.let_leave();
            return false;
        }
        progress = dispatcher_.hand_out(monotonic_nanoseconds());
        progress |= replies_.receive();
        dispatcher_.recall_stuck();
        closer_.let_leave();
        hub_.peers.forget_dead_regions();
        hub_.peers.ship_all();
    } catch (const std::exception& error) {
        break_all(error);
        progress = true;
    }
    if (progress) hub_.sleep.note_news();
    return progress;
}
inline void MpiHub::break_all(const std::exception& error) noexcept {
    hub_.break_all(text_or_why_not([&] { return std::string("MPIPoolExecutor: ") + error.what(); }));
}

/// With the mutex, when the engine is about to sleep: there is something to do after all. Not if MPI has failed.
inline bool MpiHub::has_news() noexcept {
    const bool works = !hub_.is_broken();
    if (hub_.pools.any_has_new() || (works && (hub_.peers.has_news() || dispatcher_.holds_back()))) return true;
    try {
        if (!hub_.peers.polls() && works && replies_.receive()) return true;
    } catch (const std::exception& error) {
        return break_all(error), true;
    }
    idle_waiters_.notify();
    return false;
}

/// With the lock, which it lets go of meanwhile.
inline void MpiHub::sleep(HubTables::Lock& lock, const Deadline& until) {
    const NodeSide& node = hub_.peers.node();
    const bool keeps_memory = node.calls && node.calls->keeps_unused();
    const Deadline trim = keeps_memory ? Deadline::after(keeps_memory_for) : Deadline::never();
    hub_.sleep.wait(lock,
                    {.expects = hub_.expects_messages(),
                     .hurries = hub_.peers.is_moving(),
                     .polls = hub_.peers.polls(),
                     .all_ring = node.all_ring,
                     .latest = until.or_earlier(trim).or_earlier(dispatcher_.next_recall())},
                    [this] { return has_news(); });
    const std::chrono::nanoseconds quiet(monotonic_nanoseconds() - hub_.sleep.last_news());
    if (keeps_memory && quiet >= keeps_memory_for) node.calls->trim();
}

/// Without the mutex.
inline void MpiHub::deliver() noexcept {
    hub_.completions.deliver_all([this](MpiPool& pool, const std::string& why) {
        const std::lock_guard lock(hub_.mutex);
        hub_.break_pool(pool, why);
    });
}

// ---- any thread ----------------------------------------------------------------------------------

/// While a callback waits, its thread does the engine's work. True there.
inline bool MpiHub::work_or_wake() noexcept {
    const bool works = on_engine_thread();
    works ? work_once(true) : wake();
    return works;
}

inline void MpiHub::add(const std::shared_ptr<MpiPool>& pool) {
    const auto thread_lock = thread_.lock();
    {
        const std::lock_guard lock(hub_.mutex);
        if (!hub_.peers.is_open())
            throw BrokenProcessPool("MPIPoolExecutor: the ranks were released already, at the end of "
                                    "mpi_comm_executor or before MPI_Finalize; make the pool before that");
        if (hub_.is_broken()) throw BrokenProcessPool(hub_.broken);
        const MpiSettings& settings = pool->settings();
        pool->configuration = encode_rank_configuration(settings.initializer, settings.worker_exit);
        for (std::size_t worker = 0; worker < settings.max_workers; ++worker)
            pool->lanes.push_back(&hub_.peers.lane(worker));
        hub_.pools.add(pool);
        hub_.changed.notify_all();
        if (std::exchange(runs_, true)) return;
    }
    try {
        thread_.start([self = shared_from_this()] { self->run(); });
    } catch (...) {
        const std::lock_guard lock(hub_.mutex);
        hub_.pools.remove(pool);
        runs_ = false;
        throw;
    }
}

/// Joins the thread if it has nothing to do any more. Without its lock until it has left run(): it may destroy the user's
/// hooks, which may make pools or wait for somebody who does.
inline void MpiHub::retire_thread() {
    if (HubTables::Lock lock(hub_.mutex); !on_engine_thread())
        hub_.changed.wait(lock, [this] { return !runs_ || !hub_.pools.empty(); });
    const auto thread_lock = thread_.lock();
    if (const std::lock_guard lock(hub_.mutex); runs_) return;
    thread_.join();
}

/// Takes no memory, which may be what was missing.
inline void MpiHub::close(const std::string& failure) {
    HubTables::Lock lock(hub_.mutex);
    std::uint32_t last = 0;
    while (MpiPools::Pool pool = hub_.peers.is_open() ? hub_.pools.after(last) : nullptr) {
        lock.unlock();
        last = pool->number;
        begin_shutdown(*pool, false);
        join(*pool, Deadline::never());
        pool.reset();
        lock.lock();
    }
    const std::unique_ptr<MpiPort> port = hub_.peers.close();
    const bool in_order = !hub_.is_broken() && hub_.pools.empty();
    lock.unlock();
    if (port) port->quit(failure, in_order);
    hub_.release_abandoned();
}

inline void MpiHub::submit(MpiPool& pool, MpiTask& task, Priority priority) {
    if (born_.in_forked_child())
        throw BrokenProcessPool("MPIPoolExecutor: made before fork(); MPI works in the parent process only");
    const bool watched = static_cast<bool>(pool.watch());
    if (watched) MpiObserver::tell_submitted(pool.watch(), task);
    try {
        if (pool.is_bounded()) {
            HubTables::Lock lock(hub_.mutex);
            pool.throw_if_closed();
            if (!room_.wait(lock, pool, on_engine_thread())) {
                lock.unlock();
                return room_.run_here(pool, task);
            }
            pool.queue.intake.push(task, priority);
            pool.queue.collect();
        } else if (!pool.queue.intake.push(task, priority)) {
            const std::lock_guard lock(hub_.mutex);
            pool.throw_if_closed();
        }
    } catch (...) {
        // A task that has ended here, and this thread with it, was told of.
        if (watched && task.stage != RemoteTask::Stage::ended) MpiObserver::tell_cancelled(task);
        throw;
    }
    if (hub_.sleep.is_asleep() && !direct_.give(pool)) wake();
}

inline void MpiHub::begin_shutdown(MpiPool& pool, bool cancel_pending, bool close) {
    if (born_.in_forked_child()) return;
    MpiCancellation::Revoked revoked;
    {
        HubTables::Lock lock(hub_.mutex);
        close ? pool.close() : pool.queue.collect();
        hub_.changed.notify_all();
        if (cancel_pending)
            revoked = cancellation_.revoke_all_unstarted(lock, pool, [this] { return work_or_wake(); });
    }
    wake();
    cancellation_.end_revoked(std::move(revoked));
}

/// The engine says when it goes to sleep. Other pools may keep it awake, so this looks again now and then.
inline bool MpiHub::wait_idle(const MpiPool& pool, const Deadline& deadline) {
    if (born_.in_forked_child()) return true;
    IdleLook look;
    return idle_waiters_.wait(
        "MPIPoolExecutor", on_engine_thread(), hub_.mutex, deadline,
        [&] { return look.finds_idle(pool, hub_.completions); }, tuning::mpi_idle_look_interval);
}

inline bool MpiHub::join(const MpiPool& pool, const Deadline& deadline) {
    if (on_engine_thread() || born_.in_forked_child()) return true;
    if (!wait_with("the end of a pool's workers", hub_.mutex, hub_.changed, deadline,
                   [&] { return pool.stage() == MpiPool::Stage::ended; }))
        return false;
    retire_thread();
    return true;
}

inline MpiPool::Counts MpiHub::counts(MpiPool& pool) {
    if (born_.in_forked_child()) return {};
    const std::lock_guard lock(hub_.mutex);
    return pool.counts();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
