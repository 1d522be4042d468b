// SPDX-License-Identifier: MIT
//
// mpi_hub.hpp: the root's side of MPI pools: queues, what each rank has been given, and one thread between.
//
//     submit() ──▶ intake ──▶ queue of the pool ──▶ dispatch() ──▶ lane of a rank ══ messages ══▶ RankLoop
//                                  ▲                                  │ in_flight
//                                  └── recalled, not started ◀────────┤
//     futures, callbacks ◀── deliver() ◀── endings ◀── receive() ◀════╝ results
//
// All pools of a communicator share its ranks: a lane runs one call at a time, whichever pool it is of. A lane is
// given as many calls as it is likely to run in 200 µs, so long ones go out by ones and twos. That time doubles, up to
// 10 ms, each time a lane runs dry while calls wait, as happens on a busy machine. The first one in flight counts
// as running. The others can be taken back: when they are cancelled, or when another lane has nothing to do while
// this one does not get on.
// The engine thread lives as long as there are pools. While it sleeps, a thread that submits sends the call
// itself. A thread that waits for a result looks for messages itself, and the engine sleeps meanwhile: so a round trip
// needs no other thread of the root. One mutex guards all of it, MPI included; user code never runs under it.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/mpi/look_pace.hpp"
#include "concurrent/futures/detail/mpi/mpi_port.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/monotonic_clock.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"
#include "concurrent/futures/detail/platform/timed_wait.hpp"
#include "concurrent/futures/detail/state/pool_watch.hpp"
#include "concurrent/futures/detail/state/shared_state.hpp"
#include "concurrent/futures/detail/state/unhandled.hpp"
#include "concurrent/futures/detail/wire/observations.hpp"
#include "concurrent/futures/detail/wire/remote_task.hpp"
#include "concurrent/futures/detail/wire/task_intake.hpp"
#include "concurrent/futures/detail/wire/task_lists.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class MpiPool;
struct RootLane;

class MpiTask : public RemoteTask {
  public:
    using RemoteTask::RemoteTask;
    // Guarded by the hub's mutex, but the second, which is constant from submit on.
    RootLane* lane = nullptr;  // when sent
    bool takes_stop_token = false;
    bool has_plain_result = false;  // constant from submit on: decoding runs no code of the user
    bool wanted_back = false;  // somebody waits to cancel it
    // With an observer only.
    MpiPool* watched_by = nullptr;  // constant from submit on
    std::int64_t sent_at = 0;
    std::unique_ptr<Observations> observed{};  // to be told before it ends
};

struct RootPeer;

/// Pool numbers have 32 bits in a frame. After 4 billion pools they start again, so those in use are skipped.
template <class IsUsed>
std::uint32_t next_pool_number(std::uint32_t last, IsUsed is_used) {
    do ++last;
    while (last == 0 || is_used(last));
    return last;
}

/// What the root knows of a lane of a rank.
struct RootLane {
    RootPeer* peer;
    std::size_t number;
    std::deque<std::pair<MpiTask*, MpiPool*>> in_flight{};
    std::deque<std::pair<MpiTask*, MpiPool*>> returned{};  // while recalling
    double mean = 0;             // nanoseconds that a call takes; 0: not known
    std::int64_t last_news = 0;  // of a result, or of a call given to an empty lane
    std::int64_t last_end = 0;   // of an observed call
    bool recalling = false;
    bool held = false;  // after a recall, until the next result: one call at a time
    double ahead = least_ahead;  // nanoseconds of work that it is given in advance

    std::size_t window() const noexcept {
        if (held || mean == 0) return 1;
        constexpr double most = 16 * 1024;
        const double count = ahead / (std::max)(mean, ahead / most);
        return count < 2 ? 2 : static_cast<std::size_t>(count);
    }
    /// It has nothing left, although calls wait.
    void has_starved() noexcept { ahead = (std::min)(2 * ahead, most_ahead); }
    void has_been_recalled() noexcept {
        held = true;
        ahead = least_ahead;
    }

    static constexpr double least_ahead = 200'000, most_ahead = 10'000'000;
};

struct RootPeer {
    std::size_t place;
    int rank;
    ByteBuffer origin;  // an exception that says where, for the bottom of those that come from there
    Outgoing out{};
    std::vector<std::unique_ptr<RootLane>> lanes{};
    std::vector<RegionNumber> lent{};
};

struct MpiSettings {
    std::size_t max_workers = 0;  // 0: one per rank
    ByteBuffer initializer{};
    ByteBuffer worker_exit{};
    std::size_t max_pending = 0;
    QueueFull on_full = QueueFull::block;
    UnhandledExceptionHook hook{};
    bool report_unobserved = false;
    std::shared_ptr<Observer> observer{};
};

class MpiHub : public std::enable_shared_from_this<MpiHub> {
  public:
    struct Counts {
        std::size_t workers, idle, pending, running, completed, failed, cancelled;
    };

    MpiHub() = default;
    MpiHub(const MpiHub&) = delete;
    MpiHub& operator=(const MpiHub&) = delete;
    ~MpiHub();

    /// Once, before there are pools.
    void open(std::unique_ptr<MpiPort> port);
    /// Ends all pools and the service of the ranks.
    void close(const std::string& failure = {});
    std::size_t rank_count() const noexcept { return peers_.size(); }
    /// By the port, when there is news.
    void wake() noexcept;

    void add(const std::shared_ptr<MpiPool>& pool);
    /// Takes over a reference. Throws ShutdownError, BrokenProcessPool, QueueFullError.
    void submit(MpiPool& pool, MpiTask& task, Priority priority);
    bool revoke(MpiPool& pool, MpiTask& task);
    bool is_revoked(const MpiTask& task) const;
    bool is_running(const MpiTask& task) const;
    /// False: ask again. Throws std::invalid_argument if it runs and takes no std::stop_token.
    bool request_stop(MpiTask& task);
    /// `close`: no more submissions.
    void begin_shutdown(MpiPool& pool, bool cancel_pending, bool close = true);
    /// Waits until no task waits or runs, and all have been told. Throws on the engine thread.
    bool wait_idle(MpiPool& pool, const Deadline& deadline);
    bool join(MpiPool& pool, const Deadline& deadline);
    Counts counts(MpiPool& pool);
    void count_unreadable_result(MpiPool& pool) noexcept;

    bool on_engine_thread() const noexcept { return current_ == this; }
    template <class Done>
    bool look_for_end(MpiTask& task, Done done) noexcept;
    template <class Done>
    void work_until(Done done) {
        while (!done()) work_once();
    }

  private:
    friend MpiPool;
    using Lock = std::unique_lock<std::mutex>;

    struct Notice {
        enum class Kind : std::uint8_t { start_failed, exit_failed, worker_started, worker_ended } kind;
        std::shared_ptr<MpiPool> pool;
        RootPeer* peer;
        ByteBuffer body{};        // an exception
        std::size_t worker = 0;  // its number
    };

    // mpi_hub_submit.hpp: what other threads call.
    void submit_unwatched(MpiPool& pool, MpiTask& task, Priority priority);
    void submit_bounded(MpiPool& pool, MpiTask& task, Priority priority);
    template <class Over>
    bool wait_for_change(const Deadline& deadline, Over over, std::optional<std::chrono::nanoseconds> interval = {});
    void run_here(Lock& lock, MpiPool& pool, MpiTask& task);
    bool send_here(MpiPool& pool) noexcept;
    bool take_out(MpiPool& pool, MpiTask& task);
    void ask_back(RootLane& lane);
    void wait_for_recall(Lock& lock, const RootLane& lane);
    enum class Watch : std::uint8_t { nothing, news, for_engine };
    Watch watch(const MpiTask& task, std::int64_t now) noexcept;
    void deliver_to_waiter(MpiTask& task, Ending& ending) noexcept;

    // mpi_hub_engine.hpp: the engine thread.
    void run() noexcept;
    void work_once() noexcept;
    bool step(Lock& lock) noexcept;
    void idle(Lock& lock);
    std::vector<std::shared_ptr<MpiPool>> settle_pools();
    void retire_engine();
    void deliver_all() noexcept;
    void deliver(MpiTask& task, Ending& ending) noexcept;
    void deliver(const Notice& notice) noexcept;

    // mpi_hub_observed.hpp: what the observer is told.
    static void set_waiting(MpiTask& task, bool waits) noexcept;
    static void tell(MpiTask& task) noexcept;
    static void tell_cancelled(MpiTask& task) noexcept;
    std::size_t worker_number(const RootLane& lane) const noexcept { return lane.number * peers_.size() + lane.peer->place; }
    void observe(MpiTask& task, Observation::Kind kind, std::int64_t time, const RootLane* lane) noexcept;
    void observe_run(RootLane& lane, MpiTask& task, std::int64_t took, Observation::Kind end) noexcept;
    void observe_worker(const MpiPool& pool, const RootLane& lane, Notice::Kind kind) noexcept;
    void tell_of_worker(const Notice& notice) const noexcept;

    // mpi_hub_lanes.hpp: calls out, results in.
    bool dispatch();
    bool dispatch(MpiPool& pool, bool idle_lanes_only);
    MpiTask* next_queued(MpiPool& pool);
    void give(MpiPool& pool, RootLane& lane, MpiTask& task);
    void lend(RootPeer& peer, std::span<const std::shared_ptr<SharedRegion>> regions);
    void forget_dead_regions();
    void ship(RootPeer& peer);
    void ship_all();
    bool receive();
    void receive(RootPeer& peer, ReceivedFrame& frame);
    void receive_end(RootLane& lane, ReceivedFrame& frame);
    void take_back(RootLane& lane, std::uint64_t id);
    void put_back(MpiPool& pool, MpiTask& task);
    void recall_stuck();
    void end_pools();
    void break_pool(MpiPool& pool, const std::string& reason) noexcept;
    void break_all(const std::string& reason) noexcept;
    void fail(MpiTask& task, std::exception_ptr error) noexcept;

    static constexpr std::int64_t nap_for = 20'000'000;  // without calls in flight: then it sleeps until it is woken
    static constexpr std::int64_t stuck_after = 500'000;
    static constexpr double much_work = 1'000'000;
    static constexpr std::int64_t give_interval = 10'000;
    static constexpr std::int64_t patience_with_engine = 50'000;
    static constexpr std::int64_t watch_lasts = 500'000;

    inline static constinit thread_local const MpiHub* current_ = nullptr;

    const unsigned born_ = fork_generation();
    mutable std::mutex mutex_;
    bool polls_ = false;  // constant from open() on: MPI's news must be looked for
    // All below: guarded by mutex_.
    std::unique_ptr<MpiPort> port_;
    std::vector<std::unique_ptr<RootPeer>> peers_;
    std::vector<std::shared_ptr<MpiPool>> pools_;
    std::uint32_t last_pool_ = 0;
    std::uint64_t last_id_ = 0;
    std::size_t first_lane_ = 0;   // to be given something first, in turn
    std::size_t in_flight_ = 0;    // calls, and other things that will be answered
    std::int64_t last_news_ = 0;
    unsigned looks_ = 0;           // of the engine, in vain, since then
    std::int64_t watched_at_ = 0;  // when a waiting thread has looked for messages
    std::int64_t given_at_ = 0;    // when the engine has given calls to lanes
    unsigned telling_ = 0;         // waiting threads that are about to end tasks
    std::uint64_t region_deaths_ = 0;
    EndingList endings_;
    std::deque<Notice> notices_;
    std::string broken_;  // MPI has failed
    bool sleeps_deeply_ = false;
    bool engine_runs_ = false;
    Atomic<bool> asleep_{false};
    Atomic<unsigned> watchers_{0};  // threads that look for results while the engine sleeps
    std::condition_variable wake_up_;
    std::condition_variable changed_;  // a recall is over, a pool has ended, there is room

    Deliveries deliveries_;  // engine thread
    std::mutex engine_mutex_;
    std::thread engine_;  // guarded by engine_mutex_
};

/// A pool: its queue, its numbers. Guarded by the hub's mutex, but the intake and what is constant.
class MpiPool {
  public:
    MpiPool(std::shared_ptr<MpiHub> hub, MpiSettings settings)
        : hub_(std::move(hub)),
          settings_(std::move(settings)),
          watch_(settings_.observer, "ranks", {}, settings_.max_workers ? settings_.max_workers : hub_->rank_count(),
                 settings_.hook) {}

    MpiHub& hub() const noexcept { return *hub_; }
    const UnhandledExceptionHook& hook() const noexcept { return settings_.hook; }
    bool reports_unobserved() const noexcept { return settings_.report_unobserved; }
    std::size_t max_workers() const noexcept { return lanes_.size(); }
    std::size_t queued() const noexcept { return queue_[0].size() + queue_[1].size() + queue_[2].size(); }
    std::size_t waiting() const noexcept { return queued() - revoked_in_queue_; }
    void throw_if_closed() const {
        if (!broken_.empty()) throw BrokenProcessPool(broken_);
        if (closed_) throw ShutdownError("MPIPoolExecutor: cannot schedule new tasks after shutdown");
    }

  private:
    friend MpiHub;

    const std::shared_ptr<MpiHub> hub_;
    const MpiSettings settings_;
    const PoolWatch watch_;
    std::uint32_t number_ = 0;
    ByteBuffer configuration_;
    std::vector<RootLane*> lanes_;    // constant: the workers
    std::vector<RootLane*> started_;  // those that know the pool
    TaskIntake intake_;
    RemoteTaskQueues queue_;
    std::size_t revoked_in_queue_ = 0;
    std::size_t in_flight_ = 0;
    std::size_t leaving_ = 0;  // lanes that still run worker_exit
    std::size_t completed_ = 0, failed_ = 0, cancelled_ = 0;
    bool closed_ = false;
    bool leaves_ = false;  // the lanes have been told
    bool ended_ = false;
    std::string broken_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#include "concurrent/futures/detail/mpi/mpi_hub_engine.hpp"
#include "concurrent/futures/detail/mpi/mpi_hub_lanes.hpp"
#include "concurrent/futures/detail/mpi/mpi_hub_observed.hpp"
#include "concurrent/futures/detail/mpi/mpi_hub_submit.hpp"
