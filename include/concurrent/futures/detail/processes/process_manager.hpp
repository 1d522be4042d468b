// SPDX-License-Identifier: MIT
//
// process_manager.hpp: the engine of a process pool: a queue, worker processes, and one thread between.
//
//     submit() ──▶ intake_ ──▶ queue_ ──▶ dispatch() ──▶ WorkerLink ══ ring of tasks ══▶ worker
//      (any thread)              ▲     (manager thread)     ▲                              │
//                                │                          ║                              │ control page
//                                └── unstarted tasks of a   ╚══ ring of results ◀══════════╛
//                                    dead worker go back    │
//                                                           ▼
//                                             deliver(): the futures end, callbacks run
//
// One step of the manager thread: hand out tasks and start workers; read results and deaths into a list,
// asleep in poll while there are none; deliver the list. It never blocks elsewhere, all descriptors are
// non-blocking, and nothing that two processes can lock exists, so no worker can stop it. User code runs in
// deliver() only, without the lock; a callback may wait for another call of this pool: it then makes the
// steps itself. While the manager thread sleeps, other threads may go the same ways in its place, see
// process_manager_shortcuts.hpp.
//
// Every task ends on every path: delivered, or failed when its worker died, or when the pool broke, or
// when it was revoked. So nothing between two of its places needs memory: its links and what it will be told
// are in the task itself. One mutex guards the tables; it is not held while polling or delivering.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/oom_kills.hpp"
#include "concurrent/futures/detail/platform/thread_name.hpp"
#include "concurrent/futures/detail/platform/timed_wait.hpp"
#include "concurrent/futures/detail/processes/process_tree.hpp"
#include "concurrent/futures/detail/processes/running_time.hpp"
#include "concurrent/futures/detail/processes/template_process.hpp"
#include "concurrent/futures/detail/processes/worker_link.hpp"
#include "concurrent/futures/detail/state/pool_watch.hpp"
#include "concurrent/futures/detail/wire/observations.hpp"
#include "concurrent/futures/detail/wire/remote_task.hpp"
#include "concurrent/futures/detail/wire/task_intake.hpp"
#include "concurrent/futures/detail/wire/task_lists.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct ProcessSettings {
    std::size_t max_workers = 1;
    bool spawn = true;  // else a template forks
    ByteBuffer initializer{};
    ByteBuffer worker_exit{};
    std::size_t max_tasks_per_child = 0;
    WorkerDeath on_worker_death = WorkerDeath::fail_task;
    std::size_t max_pending = 0;
    QueueFull on_full = QueueFull::block;
    Duration idle_timeout{};
    UnhandledExceptionHook hook{};
    std::shared_ptr<Observer> observer{};
    bool report_unobserved = false;
    Duration task_timeout{};
    std::chrono::nanoseconds stop_grace{};
    std::size_t max_memory_bytes = 0;
    bool run_inline = false;  // for debugging: no workers
    /// With a task_timeout: from its start to process_main() a worker may take so long, at least.
    std::chrono::nanoseconds start_limit = std::chrono::seconds(60);
};

class ProcessManager {
  public:
    struct Counts {
        std::size_t workers, idle, pending, running, completed, failed, cancelled, restarts;
    };

    /// Copies the environment, which spawned workers get: the manager thread must not read it while the program
    /// changes it.
    explicit ProcessManager(ProcessSettings settings, ProcessTreeShare share = {});
    ProcessManager(const ProcessManager&) = delete;
    ProcessManager& operator=(const ProcessManager&) = delete;
    ~ProcessManager();

    /// Starts the manager thread, which keeps `self` alive.
    void start(std::shared_ptr<ProcessManager> self);

    /// Takes over one reference to the task. Throws ShutdownError, BrokenProcessPool, QueueFullError:
    /// then the reference is still the caller's.
    void submit(RemoteTask& task, Priority priority);
    /// True to one caller: the task will not run and is the caller's to end as cancelled.
    bool revoke(RemoteTask& task);
    bool is_revoked(const RemoteTask& task) const;
    bool is_running(const RemoteTask& task) const;
    bool request_stop(RemoteTask& task);

    /// Tasks that have not started end as cancelled.
    void cancel_pending();
    /// `forced`: workers that end from here on are not replaced, whatever they leave.
    void begin_shutdown(bool cancel_pending, bool forced = false);
    /// Waits for all workers to be gone. From the manager thread: returns true at once.
    bool join(const Deadline& deadline);
    /// Waits until no task waits or runs, and all have been told. Throws on the manager thread.
    bool wait_idle(const Deadline& deadline);
    /// Before destruction in a callback on the manager thread: it ends by itself.
    void detach();
    /// shutdown(cancel_pending), and a signal to all workers, which are not replaced.
    void end_workers(int signal);

    std::vector<int> worker_pids() const;
    Counts counts();
    const UnhandledExceptionHook& hook() const noexcept { return settings_.hook; }
    /// Of a call that says nothing about it, in nanoseconds.
    std::int64_t default_timeout() const noexcept {
        return settings_.task_timeout ? settings_.task_timeout->count() : TaskLimits::never;
    }
    /// Where large calls are encoded; null: in the heap.
    ByteStore* payloads() const noexcept { return payloads_.get(); }
    bool reports_unobserved() const noexcept { return settings_.report_unobserved; }
    /// What the pool's observer is told, if there is one.
    const PoolWatch& watch() const noexcept { return watch_; }
    std::size_t max_workers() const noexcept { return settings_.max_workers; }
    bool in_forked_child() const noexcept { return born_.in_forked_child(); }
    bool on_manager_thread() const noexcept { return current_ == this; }
    /// Of all pools in this process: threads that a fork need not mind, see TemplateProcess.
    static std::size_t manager_threads() noexcept {
        // relaxed: a thread counts itself before start() returns and after it has let go of all locks.
        const std::uint64_t seen = manager_threads_.load(std::memory_order_relaxed);
        return seen >> 32 == fork_generation() ? static_cast<std::uint32_t>(seen) : 0;
    }
    void count_unreadable_result() noexcept;
    /// Any thread that is about to sleep until this task has ended, as `done()` tells: looks for its result
    /// for a moment, in place of the manager thread if that sleeps.
    template <class Done>
    bool look_for_end(RemoteTask& task, Done done) noexcept;
    /// On the manager thread only: works until the task has ended.
    template <class Done>
    void work_until(Done done) {
        while (!done()) guarded_step();
    }

  private:
    using Lock = std::unique_lock<std::mutex>;
    using Links = std::list<std::unique_ptr<WorkerLink>>;

    /// Something that a worker said, or failed to do, of which no call is told.
    struct Notice {
        enum class Kind : std::uint8_t { start_failed, exit_failed } kind;
        ByteBuffer body{};           // start_failed: an exception
        int pid = 0;                 // start_failed: of that worker
        std::exception_ptr error{};  // exit_failed
    };

    // process_manager_observed.hpp: for the pool's observer.
    void submit_watched(RemoteTask& task, Priority priority);
    void tell_cancelled(RemoteTask& task) noexcept;
    void set_waiting(RemoteTask& task, bool waits) noexcept;
    void observe(Observation::Kind kind, const RemoteTask& task, std::int64_t time, int pid) noexcept;
    void observe_start(RemoteTask& task, const WorkerLink& link) noexcept;
    void observe_end(Observation::Kind kind, RemoteTask& task) noexcept;
    void observe_worker(Observation::Kind kind, const WorkerLink& link, std::string how = {}) noexcept;
    void tell_observations() noexcept;

    // process_manager_submit.hpp: what other threads call.
    void submit_unwatched(RemoteTask& task, Priority priority);
    void throw_if_closed() const;
    bool wait_for_room(Lock& lock, RemoteTask& task);
    void submit_bounded(RemoteTask& task, Priority priority);
    void wake() noexcept;
    void close_intake() noexcept;
    void run_here(Lock& lock, RemoteTask& task);
    void initialize_here();
    RemoteTaskQueue take_revoked() noexcept;
    RemoteTask* revoke_all_unstarted() noexcept;
    void end_revoked(RemoteTask* first) noexcept;
    /// Length of the queue, with and without those that are revoked.
    std::size_t queued() const noexcept { return queue_[0].size() + queue_[1].size() + queue_[2].size(); }
    std::size_t waiting() const noexcept { return queued() - revoked_in_queue_; }

    // process_manager_shortcuts.hpp: what other threads do while the manager thread sleeps.
    bool give_here() noexcept;
    bool needs_manager() const noexcept;
    RemoteTask* read_for(const RemoteTask& task, WorkerLink& link, Ending& ending) noexcept;

    // process_manager_workers.hpp: workers' lives.
    std::size_t unstarted() const noexcept;
    std::size_t missing_workers() const noexcept;
    bool start_worker();
    void note_oom_kills(WorkerLink& link) noexcept;
    void retire_workers();
    void read_template();
    void note_exit(WorkerLink& link);
    OutOfMemory judge_kill(const WorkerLink& link);
    void bury(WorkerLink& link);
    void forget_buried();
    void lose(RemoteTask& task, const WorkerLink& link);
    std::string death_text(const RemoteTask& task, const WorkerLink& link, bool breaks) const;
    void note_start_failure(const std::string& reason);
    void note_fruitless_death(const std::string& reason);
    void break_pool(std::string reason) noexcept;

    // process_manager_limits.hpp: what ends tasks before their time, and what runs them again.
    std::int64_t limit_of(const WorkerLink& link, const WorkerLink::InFlight& entry,
                          std::int64_t now) const noexcept;
    bool runs_hooks(const WorkerLink& link) const noexcept;
    std::int64_t hook_limit(const WorkerLink& link, std::int64_t now) const noexcept;
    std::int64_t start_limit(const WorkerLink& link) const noexcept;
    bool has_limit(const WorkerLink& link) const noexcept;
    std::int64_t next_limit(const WorkerLink& link, std::int64_t now) const noexcept;
    void enforce_limits();
    void grant(std::int64_t lost) noexcept;
    void end_hook(WorkerLink& link, std::int64_t now);
    void end_start(WorkerLink& link);
    void evict(WorkerLink& link, const RemoteTask& task, std::int64_t now);
    void evict_mute(WorkerLink& link, const RemoteTask& task);
    void take_back_unstarted(WorkerLink& link);
    void put_back(RemoteTask& task);
    bool retry(RemoteTask& task);
    void end_evicted(RemoteTask& task, const WorkerLink& link);
    void fail(RemoteTask& task, std::exception_ptr error) noexcept;

    // process_manager_loop.hpp: the manager thread; process_manager_receive.hpp: what it is told;
    // process_manager_delivery.hpp: the end of each step.
    void run() noexcept;
    void guarded_step() noexcept;
    void step();
    std::size_t dispatch();
    void balance();
    void flush_all() noexcept;
    void distrust(WorkerLink& link, const std::exception& error) noexcept;
    void note_end_of_results(WorkerLink& link);
    static void leave_a_moment(WorkerLink& link) noexcept;
    void give(WorkerLink& link, RemoteTask& task);
    WorkerLink* choose_worker() noexcept;
    std::size_t fair_share(std::size_t coming) const noexcept;
    bool may_take_more(const WorkerLink& link) const noexcept;
    RemoteTask* next_queued();
    void receive_all();
    bool wait_for_news();
    bool all_are_supplied() const noexcept;
    bool has_news() const noexcept;
    void look_at_descriptors(bool may_sleep);
    void read_results(WorkerLink& link);
    void receive(WorkerLink& link, Frame& frame);
    void deliver_all() noexcept;
    void deliver(RemoteTask& task, Ending& ending) noexcept;
    void deliver_to_waiter(RemoteTask& task, Ending& ending) noexcept;
    void deliver(const Notice& notice) noexcept;
    bool is_idle() const noexcept;
    bool finished() const noexcept { return closed_ && links_.empty() && queued() == 0; }
    int poll_milliseconds() const;

    // process_manager_payloads.hpp: large calls and results.
    void make_payload_memory();
    void trim_payloads();
    void free_payloads(RemoteTask& task, Ending& ending) noexcept;
    void forget_dead_regions();
    /// For so long their memory is kept for the next ones.
    static constexpr std::chrono::seconds payload_patience{1};

    static_assert(WorkerPace::most <= ControlPage::slot_count);
    /// So often a task goes back to the queue because its worker died before it started. In earnest that is at
    /// most WorkerPace::most times, because it goes to the front; a task may also write into the page that it has
    /// not started, and must end all the same.
    static constexpr unsigned returns_limit = 100;

    /// If its last sleep was not longer than this, the manager spins before the next one.
    static constexpr std::int64_t patience = 200'000;
    /// So long does a thread that waits for a result look for it itself.
    static constexpr std::chrono::microseconds waiters_patience{30};
    /// While there is always something in the rings, it asks the system no more often than this for deaths.
    static constexpr std::int64_t look_interval = 50'000;

    inline static constinit thread_local const ProcessManager* current_ = nullptr;
    /// Below 2^32; above, the fork_generation() they belong to: a fork does not inherit threads.
    inline static constinit Atomic<std::uint64_t> manager_threads_{0};
    static void count_manager_thread(std::int32_t change) noexcept;

    const ProcessSettings settings_;
    const PoolWatch watch_;
    ProcessTreeShare tree_share_;  // until there are no workers any more
    const ForkMark born_;
    const std::vector<std::string> environment_;  // of spawned workers
    const ByteBuffer configuration_;  // body of the frame that every worker gets first
    std::optional<OomKills> oom_kills_;  // manager thread; looked for when there is a first worker
    WakeUp wake_up_;
    std::optional<TemplateProcess> template_;
    PayloadHandle<PayloadArena> payloads_;  // set by the constructor
    std::uint64_t region_deaths_seen_ = 0;  // manager thread
    Deliveries deliveries_;  // manager thread; empty when it sleeps

    std::vector<pollfd> polled_;  // manager thread; has room for all links
    std::int64_t last_look_ = 0;  // manager thread: at the descriptors
    RunningTime running_time_;    // manager thread
    std::int64_t last_sleep_ = patience;  // manager thread: how long it was
    TaskIntake intake_;
    mutable std::mutex mutex_;
    // All below: guarded by mutex_; links_ changes in the manager thread only, which may read it without.
    RemoteTaskQueues queue_;  // revoked ones are dropped when met
    std::size_t revoked_in_queue_ = 0;
    Links links_;
    Links buried_;  // manager thread; to be destroyed without the lock, as calls may go with them
    EndingList endings_;
    std::deque<Notice> notices_;
    Observations observations_;
    std::chrono::steady_clock::time_point trim_at_{};  // not before; none: nothing to trim
    std::size_t share_ = 1;  // tasks per worker, see fair_share()
    std::uint64_t last_id_ = 0;
    std::uint32_t last_worker_ = 0;  // wraps around after 2^32 starts: those of living workers differ
    std::size_t start_failures_ = 0;    // in a row
    std::uint64_t oom_kills_explained_ = 0;  // by deaths of workers
    std::size_t fruitless_deaths_ = 0;  // in a row, of workers, while tasks waited and none ran
    std::optional<std::chrono::steady_clock::time_point> start_again_;  // after a failure to start
    std::size_t completed_ = 0, failed_ = 0, cancelled_ = 0, restarts_ = 0;
    Atomic<bool> news_{false};    // for the manager thread, beside new tasks and what workers say
    Atomic<bool> asleep_{false};  // the manager thread is, or is about to be: it wants to be woken
    bool closed_ = false;    // no more submissions
    bool forced_ = false;    // workers are being ended by a signal: start no more
    bool thread_ended_ = false;
    std::string broken_;     // why, or empty
    std::condition_variable room_;
    std::size_t waiting_for_idle_ = 0;  // threads in wait_idle()
    std::condition_variable ended_;  // and: the manager is about to sleep

    std::mutex join_mutex_;
    std::thread thread_;  // guarded by join_mutex_ after start()
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#include "concurrent/futures/detail/processes/process_manager_delivery.hpp"
#include "concurrent/futures/detail/processes/process_manager_limits.hpp"
#include "concurrent/futures/detail/processes/process_manager_loop.hpp"
#include "concurrent/futures/detail/processes/process_manager_observed.hpp"
#include "concurrent/futures/detail/processes/process_manager_payloads.hpp"
#include "concurrent/futures/detail/processes/process_manager_receive.hpp"
#include "concurrent/futures/detail/processes/process_manager_shortcuts.hpp"
#include "concurrent/futures/detail/processes/process_manager_submit.hpp"
#include "concurrent/futures/detail/processes/process_manager_workers.hpp"
