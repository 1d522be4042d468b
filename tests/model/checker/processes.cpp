// SPDX-License-Identifier: MIT
//
// processes.cpp: parts of a process pool's engine under the model checker. No process is there: a thread plays the worker, and
// takes and writes the same messages.
#include <concurrent/futures/detail/processes/cancellation.hpp>
#include <concurrent/futures/detail/processes/deadline_enforcer.hpp>
#include <concurrent/futures/detail/processes/direct_path.hpp>
#include <concurrent/futures/detail/processes/idle_wait.hpp>
#include <concurrent/futures/detail/processes/pool_control.hpp>
#include <concurrent/futures/detail/processes/submission_room.hpp>
#include <concurrent/futures/detail/processes/worker_events.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "concurrent/futures/detail/processes/pool_parts.hpp"
#include "model/checker/checker.hpp"

namespace cf = concurrent::futures;
namespace detail = cf::detail;
using model::expect;

namespace {

/// A task for which threads wait.
class AwaitedTask final : public detail::RemoteTask {
  public:
    explicit AwaitedTask(bool has_callback = false) : RemoteTask({}), has_callback_(has_callback) {}

    void succeed(cf::Decoder&) noexcept override { end(false); }
    bool try_succeed_untold(cf::Decoder&) noexcept override {
        if (!has_callback_) end(false);
        return !has_callback_;
    }
    void finish_stored() noexcept override { end(false); }
    void fail(std::exception_ptr) noexcept override { end(false); }
    void end_cancelled() noexcept override { end(true); }
    void retain() noexcept override { change_references(1); }
    void release() noexcept override { change_references(-1); }

    bool done() {
        const std::lock_guard lock(mutex_);
        return ends_ != 0;
    }
    void wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return ends_ != 0; });
    }
    bool is_cancelled() {
        const std::lock_guard lock(mutex_);
        return is_cancelled_;
    }
    int references() {
        const std::lock_guard lock(mutex_);
        return references_;
    }

  private:
    void end(bool cancelled) noexcept {
        const std::lock_guard lock(mutex_);
        is_cancelled_ = cancelled;
        expect(++ends_ == 1, "a task ends once");
        changed_.notify_all();
    }
    void change_references(int by) noexcept {
        const std::lock_guard lock(mutex_);
        references_ += by;
        expect(references_ >= 0, "nobody drops a reference that is not there");
    }

    const bool has_callback_;
    std::mutex mutex_;
    std::condition_variable changed_;
    // Guarded by mutex_.
    int ends_ = 0;
    int references_ = 1;
    bool is_cancelled_ = false;
};

/// A worker that a thread plays.
class PlayedWorker {
  public:
    explicit PlayedWorker(parts::Pool& pool) {
        detail::WorkerSet::Links fresh;
        fresh.push_back(std::make_unique<detail::WorkerLink>(++pool.workers, nullptr, ends_));
        link = &pool.tables.workers.add(fresh, false);
        // A number that no process has, and what never tells of an end.
        link->process = detail::ProcessHandle(INT_MAX, detail::FileDescriptor(::eventfd(0, EFD_CLOEXEC)));
        link->life.note_ready();
        shared_ = static_cast<detail::WorkerPage*>(static_cast<void*>(&link->page()));
        reader_.emplace(shared_->tasks);
    }

    /// Takes the next task and runs it, or skips it. True: it has run.
    bool serve() {
        const detail::FrameHeader header = receive();
        const bool starts = shared_->control.start(header.slot, header.task);
        if (starts) shared_->control.end(header.slot, header.task);
        answer(starts ? detail::FrameType::result : detail::FrameType::skipped, header.task, header.slot);
        return starts;
    }
    /// Until so many tasks have run.
    void serve(int tasks) {
        while (tasks > 0) tasks -= serve() ? 1 : 0;
    }
    /// The result of a task that it has run.
    void answer(detail::FrameType type, std::uint64_t task, std::size_t slot) {
        detail::ByteBuffer frame;
        detail::append_frame(frame, detail::make_header(type, 0, task, slot), {});
        parts::write(*link, frame.bytes());
        if (shared_->pool_bell.must_ring(detail::Bell::bytes)) wake_pool();
    }

    /// It has woken the pool, which has not noticed yet.
    bool has_rung() const {
        pollfd entry{link->pipes().result_fd(), POLLIN, 0};
        return ::poll(&entry, 1, 0) == 1;
    }

    detail::WorkerLink* link = nullptr;

  private:
    detail::FrameHeader receive() {
        for (;;) {
            if (const auto frame = incoming_.next()) return frame->header;
            if (const std::size_t available = reader_->available()) {
                const auto room = incoming_.room();
                const std::size_t size = (std::min)(available, room.size());
                reader_->read(room.data(), size);
                incoming_.commit(size);
                reader_->publish();
                if (shared_->pool_bell.must_ring(detail::Bell::room)) wake_pool();
                continue;
            }
            shared_->worker_bell.expect(detail::Bell::bytes);
            if (!reader_->has_news()) {
                pollfd entry{ends_.tasks.get(), POLLIN, 0};
                ::poll(&entry, 1, -1);
                std::array<std::byte, 64> sink;
                static_cast<void>(detail::read_some(ends_.tasks.get(), sink.data(), sink.size()));
            }
            shared_->worker_bell.forget();
        }
    }
    void wake_pool() {
        const std::byte byte{};
        static_cast<void>(::write(ends_.results.get(), &byte, 1));
    }

    detail::WorkerLink::Ends ends_;
    detail::WorkerPage* shared_ = nullptr;
    std::optional<detail::RingReader> reader_;
    detail::FrameAssembler incoming_;
};

/// With one worker. A thread plays the manager thread, as ProcessManager::step() does.
struct ManagedPool : parts::Pool {
    explicit ManagedPool(detail::ProcessSettings settings = {.max_workers = 1}) : parts::Pool(std::move(settings)) {
        model::uses_shared_pointers();
        events.reserve(2);
    }

    /// The manager thread, until close() was called and no task is left.
    void manage() {
        for (bool over = false; !over;) {
            bool may_sleep = false;
            {
                const std::lock_guard lock(tables.mutex);
                tables.signal.clear_news();
                tables.queue.begin_look();
                deadlines.enforce(0);
                dispatcher.dispatch(0);
                dispatcher.balance();
                dispatcher.flush();
                may_sleep = !is_finished();
            }
            for (const auto& link : tables.workers) link->ring();
            events.receive_all(may_sleep);
            deliver();
            std::unique_lock lock(tables.mutex);
            over = is_finished() && tables.completions.empty();
            if (over && tables.completions.is_delivered_by_waiter()) {
                over = false;
                lock.unlock();
                ::poll(nullptr, 0, 1);
            }
        }
        idle.note_end();
    }
    /// With the mutex.
    bool is_finished() const {
        return tables.closed && tables.queue.size() == 0 &&
               std::all_of(tables.workers.begin(), tables.workers.end(),
                           [](const auto& link) { return link->tasks.in_flight() == 0; });
    }
    void close() {
        {
            const std::lock_guard lock(tables.mutex);
            tables.closed = true;
            tables.signal.note_news();
        }
        tables.signal.wake();
    }
    void submit(detail::RemoteTask& task) {
        if (tables.settings.max_pending != 0) {
            detail::PoolTables::Lock lock(tables.mutex);
            tables.throw_if_closed();
            room.wait(lock, task, false);
            room.add(task, cf::Priority::normal);
        } else {
            tables.queue.intake.push(task, cf::Priority::normal);
        }
        if (tables.signal.is_asleep() && !direct.give()) tables.signal.wake();
    }
    /// As result() does.
    void wait(AwaitedTask& task) {
        if (!direct.look_for_end(task, [&task] { return task.done(); })) task.wait();
    }
    bool cancel(AwaitedTask& task) {
        if (!cancellation.revoke(task)) return false;
        task.end_cancelled();
        return true;
    }

    detail::ForkMark born;
    detail::DirectPath direct{tables, dispatcher, reader};
    detail::IdleWait idle{tables};
    detail::WorkerEvents events{tables, reader, deaths, deadlines, dispatcher, idle};
    detail::SubmissionRoom room{tables};
    detail::PoolControl control{tables};
    detail::Cancellation cancellation{tables, born};
};

/// Manager thread and worker, which runs so many tasks.
class Running {
  public:
    Running(ManagedPool& pool, int tasks)
        : pool_(pool), worker(pool), process_([this, tasks] { worker.serve(tasks); }), manager_([&pool] { pool.manage(); }) {}
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() {
        process_.join();
        pool_.close();
        manager_.join();
    }

  private:
    ManagedPool& pool_;

  public:
    PlayedWorker worker;

  private:
    std::thread process_, manager_;
};

}  // namespace

MODEL("a task runs over its time and ends, and no other task runs in the worker that is ended for it") {
    model::uses_shared_pointers();
    parts::Pool pool({.max_workers = 1, .stop_grace = std::chrono::hours(1)});
    detail::WorkerLink& worker = pool.add_worker();
    recorded::Task limited, next;
    limited.limits.timeout = 1;
    for (recorded::Task* const task : {&limited, &next}) pool.submit(*task);
    pool.dispatcher.dispatch(0);
    detail::ControlPage& page = worker.page();
    expect(page.start(limited.slot, limited.id), "it starts");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    bool runs_next = false;
    std::thread process([&page, &runs_next, slot = limited.slot, id = limited.id, next_slot = next.slot, next_id = next.id] {
        page.end(slot, id);
        runs_next = page.start(next_slot, next_id);
    });
    pool.deadlines.enforce(0);
    process.join();
    expect(!worker.life.is_dying() || !runs_next, "the worker is ended while it runs another task");
}

// ---- the manager thread, its worker, and another thread ----------------------------------------------------------------

MODEL("a task of a process pool is handed out, though the manager thread is about to sleep") {
    ManagedPool pool;
    AwaitedTask task;
    const Running running(pool, 1);
    pool.submit(task);
    task.wait();
}

MODEL("a thread that looks for its result in a process pool's ring gets it, or the manager thread does") {
    ManagedPool pool;
    AwaitedTask task;
    const Running running(pool, 1);
    pool.submit(task);
    pool.wait(task);
}

MODEL("a process pool's result whose callback is left to the manager thread is told, whoever reads it") {
    ManagedPool pool;
    AwaitedTask task(true);
    const Running running(pool, 1);
    pool.submit(task);
    pool.wait(task);
}

MODEL("a process pool pauses and goes on while a task is submitted, and the task runs") {
    ManagedPool pool;
    AwaitedTask task;
    const Running running(pool, 1);
    std::thread other([&] {
        pool.control.pause();
        pool.control.resume();
    });
    pool.submit(task);
    pool.wait(task);
    other.join();
}

MODEL("two tasks of two threads go through a process pool with room for one") {
    ManagedPool pool({.max_workers = 1, .max_pending = 1});
    AwaitedTask one, two, three;
    const Running running(pool, 3);
    std::thread other([&] { pool.submit(one); });
    pool.submit(two);
    pool.submit(three);
    for (AwaitedTask* const task : {&one, &two, &three}) task->wait();
    other.join();
}

MODEL("wait_idle() of a process pool ends when its task has ended, and at once") {
    ManagedPool pool;
    AwaitedTask task;
    const Running running(pool, 1);
    pool.submit(task);
    const auto begin = std::chrono::steady_clock::now();
    pool.idle.wait(detail::Deadline::never(), false);
    expect(task.done(), "it has ended");
    expect(std::chrono::steady_clock::now() - begin < detail::tuning::idle_look_interval, "not when it looks again");
}

MODEL("two threads look for the same result in a process pool's ring") {
    ManagedPool pool;
    AwaitedTask task;
    const Running running(pool, 1);
    pool.submit(task);
    std::thread other([&] { pool.wait(task); });
    pool.wait(task);
    other.join();
}

// ---- two threads without a manager thread, or one step of it -----------------------------------------------------------

namespace {

/// The manager thread sleeps.
struct SleepingPool : ManagedPool {
    explicit SleepingPool(detail::ProcessSettings settings = {.max_workers = 1}) : ManagedPool(std::move(settings)) {
        tables.signal.fall_asleep();
    }
};

bool starts(const detail::RemoteTask& task, detail::WorkerLink& worker) { return worker.page().start(task.slot, task.id); }

}  // namespace

MODEL("a process pool that pauses takes back what was sent, unless it has started") {
    ManagedPool pool;
    PlayedWorker worker(pool);
    AwaitedTask one, two;
    for (AwaitedTask* const task : {&one, &two}) pool.parts::Pool::submit(*task);
    pool.dispatcher.dispatch(0);
    std::array<bool, 2> started{};
    std::thread process([&, ids = std::array{one.id, two.id}, slots = std::array{one.slot, two.slot}] {
        for (std::size_t n = 0; n < 2; ++n) started[n] = worker.link->page().start(slots[n], ids[n]);
    });
    pool.control.pause();
    process.join();
    using Stage = detail::RemoteTask::Stage;
    expect((one.stage == Stage::sent) == started[0] && (two.stage == Stage::sent) == started[1], "it has started or waits again");
    expect(two.references() == (started[1] ? 1 : 2), "the worker's table and the queue keep a task that was taken back");
}

MODEL("no submitter gives a task to a worker of a process pool that has paused") {
    SleepingPool pool;
    PlayedWorker worker(pool);
    AwaitedTask task;
    std::thread other([&] { pool.submit(task); });
    pool.control.pause();
    other.join();
    pool.tables.queue.collect();
    expect(task.stage == detail::RemoteTask::Stage::queued, "it waits");
}

MODEL("a process pool that goes on is news to its manager thread, which is about to sleep") {
    ManagedPool pool;
    AwaitedTask task;
    pool.control.pause();
    pool.submit(task);
    const Running running(pool, 1);
    pool.control.resume();
    task.wait();
}

MODEL("a task of a process pool is cancelled while it is handed out, and starts or is cancelled") {
    ManagedPool pool;
    PlayedWorker worker(pool);
    AwaitedTask task;
    pool.parts::Pool::submit(task);
    bool is_cancelled = false;
    std::thread other([&] { is_cancelled = pool.cancel(task); });
    bool is_sent = false;
    {
        const std::lock_guard lock(pool.tables.mutex);
        pool.dispatcher.dispatch(0);
        is_sent = pool.tables.queue.size() == 0 && worker.link->tasks.in_flight() == 1;
    }
    const bool started = is_sent && starts(task, *worker.link);
    other.join();
    expect(started != is_cancelled, "one of them");
}

MODEL("a task of a process pool is cancelled by two threads, of which one cancels all") {
    ManagedPool pool;
    PlayedWorker worker(pool);
    AwaitedTask sent, waits;
    pool.parts::Pool::submit(sent);
    pool.dispatcher.dispatch(0);
    pool.parts::Pool::submit(waits);
    std::thread other([&] {
        for (AwaitedTask* const task : {&sent, &waits}) pool.cancel(*task);
    });
    detail::RevokedTasks revoked;
    {
        const std::lock_guard lock(pool.tables.mutex);
        revoked = pool.cancellation.revoke_all_unstarted();
    }
    pool.cancellation.end_revoked(std::move(revoked));
    other.join();
    expect(sent.is_cancelled() && waits.is_cancelled(), "both are cancelled, each by one");
    expect(pool.tables.completions.counts().cancelled == 2, "and counted once");
    expect(sent.references() == 1 && waits.references() == 1, "the worker's table and the queue keep them");
}

MODEL("a submitter that waits for room in a process pool goes on when the task before it is cancelled") {
    SleepingPool pool({.max_workers = 1, .max_pending = 1});
    AwaitedTask before, task;
    pool.submit(before);
    std::thread other([&] { pool.cancel(before); });
    pool.submit(task);
    other.join();
}

MODEL("a submitter that waits for room in a process pool hears that the pool is broken") {
    SleepingPool pool({.max_workers = 1, .max_pending = 1});
    AwaitedTask before, task;
    pool.submit(before);
    std::thread other([&] {
        const std::lock_guard lock(pool.tables.mutex);
        pool.tables.break_pool("it was dropped");
    });
    try {
        pool.submit(task);
        expect(false, "there is no room");
    } catch (const cf::BrokenProcessPool&) {
    }
    other.join();
    pool.deliver();
    expect(before.done(), "what waited has failed");
}

MODEL("a submitter that waits for room in a process pool goes on when another one gives the task before it") {
    SleepingPool pool({.max_workers = 1, .max_pending = 1});
    PlayedWorker worker(pool);
    AwaitedTask before, task;
    pool.parts::Pool::submit(before);
    std::thread other([&] {
        if (!pool.direct.give()) pool.tables.signal.wake();
    });
    std::thread waiter([&] {
        detail::PoolTables::Lock lock(pool.tables.mutex);
        pool.room.wait(lock, task, false);
        pool.room.add(task, cf::Priority::normal);
    });
    other.join();
    const bool is_awake = !pool.tables.signal.is_asleep();  // then the manager thread hands it out, which tells of room
    if (is_awake) {
        const std::lock_guard lock(pool.tables.mutex);
        pool.dispatcher.dispatch(0);
    }
    waiter.join();
}

MODEL("of two threads that give their tasks to an idle worker each sees to its own, or the manager thread is woken") {
    SleepingPool pool;
    PlayedWorker worker(pool);
    AwaitedTask one, two;
    std::thread other([&] { pool.submit(one); });
    pool.submit(two);
    other.join();
    pool.tables.queue.collect();
    expect(pool.tables.queue.size() == 0 || !pool.tables.signal.is_asleep(), "no task is left to a manager thread that sleeps");
}

MODEL("a task behind another one is taken to an idle worker, or runs where it is") {
    ManagedPool pool({.max_workers = 2});
    PlayedWorker busy(pool);
    AwaitedTask running, behind;
    for (AwaitedTask* const task : {&running, &behind}) pool.parts::Pool::submit(*task);
    pool.dispatcher.dispatch(0);
    expect(starts(running, *busy.link), "it starts");
    PlayedWorker idle(pool);
    bool starts_there = false;
    std::thread process([&, slot = behind.slot, id = behind.id] { starts_there = busy.link->page().start(slot, id); });
    {
        const std::lock_guard lock(pool.tables.mutex);
        pool.dispatcher.balance();
    }
    process.join();
    const bool is_moved = idle.link->tasks.in_flight() == 1;
    expect(is_moved != starts_there, "one of them runs it");
    expect(!is_moved || (behind.references() == 2 && starts(behind, *idle.link)), "the other one can start it");
}

MODEL("a worker with nothing to do gets the task behind one that starts at this moment") {
    ManagedPool pool({.max_workers = 2});
    PlayedWorker busy(pool);
    AwaitedTask first, behind;
    for (AwaitedTask* const task : {&first, &behind}) pool.parts::Pool::submit(*task);
    pool.dispatcher.dispatch(0);
    PlayedWorker idle(pool);
    std::thread process([&, slot = first.slot, id = first.id] { busy.link->page().start(slot, id); });
    {
        const std::lock_guard lock(pool.tables.mutex);
        pool.dispatcher.balance();
    }
    process.join();
    expect(idle.link->tasks.in_flight() == 1, "it has one of the two");
}

MODEL("a thread that looks in vain for its result in a process pool's ring leaves the next look to the worker's bell") {
    SleepingPool pool;
    PlayedWorker worker(pool);
    AwaitedTask task;
    pool.submit(task);
    std::thread process([&] { worker.serve(1); });
    pool.direct.look_for_end(task, [&task] { return task.done(); });
    process.join();
    expect(task.done() || worker.has_rung(), "somebody knows of the result");
}

MODEL("whoever reads the last result of a process pool that is shut down wakes the manager thread, which is to end") {
    SleepingPool pool;
    PlayedWorker worker(pool);
    AwaitedTask task;
    pool.submit(task);
    pool.tables.closed = true;
    std::thread process([&] { worker.serve(1); });
    pool.direct.look_for_end(task, [&task] { return task.done(); });
    process.join();
    expect(worker.link->tasks.in_flight() == 1 || !pool.tables.signal.is_asleep(), "it is awake");
}

MODEL("a result that its waiter gives back for its callback is news to a manager thread that is about to sleep") {
    SleepingPool pool;
    PlayedWorker worker(pool);
    AwaitedTask task(true);
    pool.submit(task);
    worker.serve(1);
    std::thread manager([&] {
        {
            const std::lock_guard lock(pool.tables.mutex);
            pool.tables.signal.rise();
        }
        while (!task.done()) {
            {
                const std::lock_guard lock(pool.tables.mutex);
                pool.tables.signal.clear_news();
                pool.tables.queue.begin_look();
            }
            pool.events.receive_all(true);
            pool.deliver();
        }
    });
    pool.direct.look_for_end(task, [&task] { return task.done(); });
    manager.join();
}

MODEL("wait_idle() of a process pool waits for a result that another thread reads and delivers itself") {
    SleepingPool pool;
    PlayedWorker worker(pool);
    AwaitedTask task;
    pool.submit(task);
    worker.serve(1);
    std::thread other([&] { pool.direct.look_for_end(task, [&task] { return task.done(); }); });
    if (pool.idle.wait(detail::Deadline::after(std::chrono::milliseconds(100)), false)) expect(task.done(), "it has ended");
    other.join();
}

MODEL("the manager thread of a process pool does not end before a result that its waiter has taken is told") {
    SleepingPool pool;
    PlayedWorker worker(pool);
    AwaitedTask task(true);
    pool.submit(task);
    worker.serve(1);
    pool.tables.closed = true;
    std::thread manager([&] {
        for (;;) {
            pool.deliver();
            std::unique_lock lock(pool.tables.mutex);
            if (pool.is_finished() && pool.tables.completions.empty() && !pool.tables.completions.is_delivered_by_waiter()) break;
            lock.unlock();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        expect(task.done(), "its callback has run");
    });
    pool.direct.look_for_end(task, [&task] { return task.done(); });
    manager.join();
}

MODEL("a worker of a process pool dies while a thread looks for a result in its ring") {
    SleepingPool pool;
    PlayedWorker worker(pool);
    AwaitedTask task;
    pool.submit(task);
    expect(starts(task, *worker.link), "it starts");
    std::thread waiter([&] { pool.direct.look_for_end(task, [&task] { return task.done(); }); });
    {
        detail::WorkerSet::Links gone;
        const std::lock_guard lock(pool.tables.mutex);
        worker.link->life.note_reaped({.signal = SIGKILL});
        pool.deaths.settle(*worker.link);
        gone = pool.tables.workers.take_removed();
    }
    pool.deliver();
    waiter.join();
    pool.deliver();
    expect(task.done(), "it has failed");
}

MODEL("a task of a process pool is cancelled while its worker dies, and ends once") {
    ManagedPool pool;
    PlayedWorker worker(pool);
    AwaitedTask task;
    pool.parts::Pool::submit(task);
    pool.dispatcher.dispatch(0);
    bool is_cancelled = false;
    std::thread other([&] { is_cancelled = pool.cancel(task); });
    {
        const std::lock_guard lock(pool.tables.mutex);
        worker.link->life.note_reaped({.signal = SIGKILL});
        pool.deaths.settle(*worker.link);
    }
    other.join();
    expect(is_cancelled, "it had not started");
    expect(pool.tables.next_queued() == nullptr, "nobody runs it");
    pool.deliver();
    expect(task.references() == 0, "and nobody keeps it");
}

MODEL("a task is asked to stop while its worker starts it: it is told, or is cancelled") {
    SleepingPool pool({.max_workers = 1, .stop_grace = std::chrono::hours(1)});
    PlayedWorker worker(pool);
    AwaitedTask task;
    pool.submit(task);
    bool started = false;
    std::thread process([&, slot = task.slot, id = task.id] { started = worker.link->page().start(slot, id); });
    bool is_cancelled = false, is_asked = false;
    while (!is_asked && !is_cancelled) {  // as ProcessCall::request_stop()
        is_cancelled = pool.cancel(task);
        if (is_cancelled) break;
        const std::lock_guard lock(pool.tables.mutex);
        is_asked = pool.deadlines.request_stop(task);
    }
    process.join();
    expect(started == is_asked, "one of them");
    expect(!is_asked || (task.has_limit() && worker.link->tasks.limited() == 1 && pool.tables.signal.has_news()),
           "the manager thread knows when to end it");
}

MODEL("a thread that waits for all workers of a process pool hears that the pool is shut down") {
    SleepingPool pool;
    std::thread other([&] {
        const std::lock_guard lock(pool.tables.mutex);
        pool.tables.closed = true;
    });
    try {
        pool.control.start_workers(false);
        expect(false, "there is no worker");
    } catch (const cf::ShutdownError&) {
    }
    other.join();
    expect(pool.tables.waits_for_all_workers == 0, "nobody waits any more");
}
