// SPDX-License-Identifier: MIT
//
// threads.cpp: thread pools under the model checker: how workers are found, sleep, are woken, wait and end.
#include <concurrent/futures/detail/scheduling/worker_loop.hpp>
#include <concurrent/futures/or_else.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/timers.hpp>
#include <concurrent/futures/wait.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "concurrent/futures/detail/scheduling/thread_parts.hpp"
#include "model/checker/checker.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;
using model::expect;
using Value = model::Watched<int>;

MODEL("a task runs, and its result is seen") {
    cf::ThreadPoolExecutor pool(1);
    Value argument(1);
    expect(pool.submit([&] { return Value(argument.get() + 1); }).result().get() == 2, "the result");
}

MODEL("two tasks of one submitter on two workers") {
    cf::ThreadPoolExecutor pool(2);
    const auto one = pool.submit([] { return Value(1); }), two = pool.submit([] { return Value(2); });
    expect(one.result().get() + two.result().get() == 3, "both results");
}

MODEL("two submitters and one worker") {
    cf::ThreadPoolExecutor pool(1);
    std::thread other([&] { expect(pool.submit([] { return Value(2); }).result().get() == 2, "the result there"); });
    expect(pool.submit([] { return Value(1); }).result().get() == 1, "the result here");
    other.join();
}

MODEL("tasks that wait for each other outside of the library get a worker each") {
    std::atomic<int> begun{0};
    cf::ThreadPoolExecutor pool(2);
    const auto meet = [&] {
        begun.fetch_add(1);
        while (begun.load() != 2) std::this_thread::yield();
    };
    const auto one = pool.submit(meet), two = pool.submit(meet);
    one.result();
    two.result();
}

MODEL("a later task finds a worker that is about to sleep") {
    cf::ThreadPoolExecutor pool(1);
    for (int n = 0; n < 3; ++n) expect(pool.submit([n] { return Value(n); }).result().get() == n, "the result");
}

MODEL("a task submits a task, and another worker takes it") {
    cf::ThreadPoolExecutor pool(2);
    cf::Future<Value> inner;
    pool.submit([&] { inner = pool.submit([] { return Value(1); }); }).result();
    expect(inner.result().get() == 1, "the inner result");
}

MODEL("a task waits for the task that it submitted, on one worker") {
    cf::ThreadPoolExecutor pool(1);
    expect(pool.submit([&] { return pool.submit([] { return Value(1); }).result().get(); }).result() == 1, "the result");
}

MODEL("a task waits for one that was submitted from outside, on one worker") {
    cf::ThreadPoolExecutor pool(1);
    cf::Promise<Value> promise;
    const auto waits = pool.submit([future = promise.get_future()] { return future.result().get(); });
    pool.post([&] { promise.set_value(1); });
    expect(waits.result() == 1, "the result");
}

MODEL("two pools whose tasks wait for each other") {
    cf::ThreadPoolExecutor one(1), two(1);
    const auto nested = [](cf::ThreadPoolExecutor& other) { return other.submit([] { return 1; }).result(); };
    const auto a = one.submit([&] { return nested(two); }), b = two.submit([&] { return nested(one); });
    expect(a.result() + b.result() == 2, "both results");
}

MODEL("a task is cancelled while a worker takes it") {
    std::atomic<int> runs{0};
    cf::ThreadPoolExecutor pool(1);
    const auto task = pool.submit([&] { runs.fetch_add(1); });
    const bool cancelled = task.cancel();
    pool.wait_idle();
    expect(runs.load() == (cancelled ? 0 : 1), "it runs or is cancelled");
}

MODEL("a worker's own tasks are cancelled by another thread") {
    std::atomic<int> runs{0};
    std::vector<cf::Future<void>> own;
    cf::detail::Atomic<bool> submitted{false};
    cf::ThreadPoolExecutor pool(1);
    pool.post([&] {
        for (int n = 0; n < 3; ++n) own.push_back(pool.submit([&] { runs.fetch_add(1); }));
        submitted.store(true);
    });
    while (!submitted.load()) std::this_thread::yield();
    int cancelled = 0;
    for (const auto& task : own) cancelled += task.cancel();
    pool.wait_idle();
    expect(runs.load() + cancelled == 3, "each runs or is cancelled");
}

MODEL("the pool ends with tasks in the queue, and all run") {
    std::atomic<int> runs{0};
    {
        cf::ThreadPoolExecutor pool(2);
        for (int n = 0; n < 3; ++n) pool.post([&] { runs.fetch_add(1); });
    }
    expect(runs.load() == 3, "all run");
}

MODEL("submit() races with shutdown()") {
    std::atomic<int> runs{0};
    int accepted = 0;
    cf::ThreadPoolExecutor pool(1);
    std::thread other([&] { pool.shutdown(); });
    try {
        for (int n = 0; n < 2; ++n, ++accepted) pool.post([&] { runs.fetch_add(1); });
    } catch (const cf::ShutdownError&) {
    }
    other.join();
    pool.shutdown();
    expect(runs.load() == accepted, "what was accepted has run");
}

MODEL("submit() races with a shutdown that cancels") {
    cf::ThreadPoolExecutor pool(1);
    std::thread other([&] { pool.shutdown({.cancel_futures = true}); });
    std::vector<cf::Future<int>> accepted;
    try {
        for (int n = 0; n < 2; ++n) accepted.push_back(pool.submit([n] { return n; }));
    } catch (const cf::ShutdownError&) {
    }
    for (const auto& task : accepted) task.wait();
    other.join();
}

MODEL("wait_idle() waits for all") {
    std::atomic<int> runs{0};
    cf::ThreadPoolExecutor pool(2);
    for (int n = 0; n < 2; ++n) pool.post([&] { runs.fetch_add(1); });
    pool.wait_idle();
    expect(runs.load() == 2, "all have run");
}

MODEL("two submitters wait for room in the queue") {
    std::atomic<int> runs{0};
    cf::ThreadPoolExecutor pool({.max_workers = 1, .max_pending = 1});
    std::thread other([&] {
        for (int n = 0; n < 2; ++n) pool.post([&] { runs.fetch_add(1); });
    });
    for (int n = 0; n < 2; ++n) pool.post([&] { runs.fetch_add(1); });
    other.join();
    pool.wait_idle();
    expect(runs.load() == 4, "all have run");
}

MODEL("a submitter waits for room while the pool shuts down") {
    cf::ThreadPoolExecutor pool({.max_workers = 1, .max_pending = 1});
    std::thread other([&] { pool.shutdown(); });
    try {
        for (int n = 0; n < 3; ++n) pool.post([] {});
    } catch (const cf::ShutdownError&) {
    }
    other.join();
}

MODEL("workers end when they are idle, and a task comes meanwhile") {
    cf::ThreadPoolExecutor pool({.max_workers = 1, .idle_timeout = 1ms});
    expect(pool.submit([] { return Value(1); }).result().get() == 1, "the first result");
    std::this_thread::sleep_for(1ms);
    expect(pool.submit([] { return Value(2); }).result().get() == 2, "the second result");
}

MODEL("wait_idle() ends when a worker has left that was idle for too long, though another one stays and sleeps") {
    std::mutex mutex;
    std::condition_variable changed;
    bool leaves = false, may_end = false;
    cf::ThreadPoolExecutor pool({.max_workers = 2,
                                 .worker_exit =
                                     [&] {
                                         std::unique_lock lock(mutex);
                                         leaves = true;
                                         changed.notify_all();
                                         changed.wait(lock, [&] { return may_end; });
                                     },
                                 .idle_timeout = 1ms,
                                 .base_workers = 1});
    pool.start_workers();
    {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return leaves; });
    }
    pool.submit([] {}).wait();  // the other one, which stays when it lies down after this
    std::thread other([&] {
        const std::lock_guard lock(mutex);
        may_end = true;
        changed.notify_all();
    });
    pool.wait_idle();
    other.join();
}

MODEL("an initializer that throws breaks the pool for all that wait") {
    cf::ThreadPoolExecutor pool({.max_workers = 1, .initializer = [] { throw 1; }});
    try {
        const auto task = pool.submit([] {});
        expect(task.exception() != nullptr, "the task fails");
    } catch (const cf::BrokenThreadPool&) {
    }
}

MODEL("a task is asked to stop while it ends") {
    cf::ThreadPoolExecutor pool(1);
    const auto task = pool.submit([](std::stop_token stop) { return stop.stop_requested() ? 1 : 2; });
    task.request_stop();
    try {
        expect(task.result() > 0, "the result");
    } catch (const cf::CancelledError&) {
    }
}

MODEL("a time limit passes while the task ends") {
    cf::ThreadPoolExecutor pool(1);
    const auto task = pool.submit({.timeout = 1ms}, [](std::stop_token stop) {
        while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
        return 1;
    });
    try {
        task.result();
    } catch (const cf::TaskTimeoutError&) {
    }
}

MODEL("a timer that is set later and is due earlier comes earlier") {
    const auto late = cf::after(1h), early = cf::after(1ms);
    early.wait();
    expect(!late.done(), "the late one has not come");
    static_cast<void>(late.cancel());
}

MODEL("a timer comes while what another one has set off waits for it") {
    const auto first = cf::after(1ms), third = cf::after(3ms);
    auto second = cf::after(2ms);
    const auto next = second.then([third] { third.wait(); });
    first.wait();
    next.wait();
}

MODEL("fewer workers are allowed while they sleep") {
    cf::ThreadPoolExecutor pool(2);
    pool.start_workers();
    pool.set_max_workers(1);
    expect(pool.submit([] { return Value(1); }).result().get() == 1, "the result");
}

MODEL("wait_idle() of a pool that pauses while its last task is cancelled") {
    cf::ThreadPoolExecutor pool(1);
    const auto task = pool.submit([] {});
    std::thread other([task] { task.cancel(); });
    pool.pause();
    other.join();
    task.cancel();
    pool.wait_idle();
}

MODEL("WorkQueues: of who cancels and who pauses one sees the other") {
    cf::detail::WorkQueues queues;
    cf::detail::Atomic<int> cancelled{0};
    bool sees_pause = false;
    std::thread other([&] {
        cancelled.store(1, std::memory_order_relaxed);
        queues.note_spent();
        sees_pause = queues.is_held();
    });
    queues.hold(true);
    queues.see_spent();
    const bool sees_cancel = cancelled.load(std::memory_order_relaxed) == 1;
    other.join();
    expect(sees_pause || sees_cancel, "one of them");
}

MODEL("a timer is cancelled when it is due") {
    auto due = cf::after(1us);
    const auto next = due.then([] { return 1; });
    std::this_thread::sleep_for(1us);
    const bool cancelled = due.cancel();
    next.wait();
    expect(next.cancelled() == cancelled, "it is cancelled or has ended");
}

MODEL("the pool is destroyed by its own task") {
    auto* const pool = new cf::ThreadPoolExecutor(1);
    const auto task = pool->submit([pool] { delete pool; });
    task.result();
}

MODEL("tasks that were cancelled all at once, while one is submitted") {
    std::atomic<int> runs{0};
    cf::ThreadPoolExecutor pool(1);
    std::thread other([&] { pool.cancel_pending(); });
    const auto one = pool.submit([&] { runs.fetch_add(1); });
    const auto two = pool.submit([&] { runs.fetch_add(1); });
    one.wait();
    two.wait();
    other.join();
    expect(runs.load() == !one.cancelled() + !two.cancelled(), "what was not cancelled has run");
}

MODEL("a pool pauses while tasks are submitted, and goes on") {
    std::atomic<int> runs{0};
    cf::ThreadPoolExecutor pool(1);
    std::thread other([&] {
        pool.pause();
        pool.resume();
    });
    for (int n = 0; n < 2; ++n) pool.post([&] { runs.fetch_add(1); });
    other.join();
    pool.wait_idle();
    expect(runs.load() == 2, "all have run");
}

MODEL("two threads let a paused pool go on, and a third one submits") {
    cf::ThreadPoolExecutor pool(2);
    pool.pause();
    const auto one = pool.submit([] { return 1; });
    std::thread first([&] { pool.resume(); }), second([&] { pool.resume(); });
    const auto two = pool.submit([] { return 2; });
    expect(one.result() + two.result() == 3, "both results");
    first.join();
    second.join();
}

MODEL("a paused pool shuts down") {
    std::atomic<int> runs{0};
    {
        cf::ThreadPoolExecutor pool(1);
        std::thread other([&] { pool.pause(); });
        pool.post([&] { runs.fetch_add(1); });
        other.join();
    }
    expect(runs.load() <= 1, "no task runs twice");
}

MODEL("all workers are started at once, while a task comes") {
    cf::ThreadPoolExecutor pool(2);
    std::thread other([&] { pool.start_workers(); });
    expect(pool.submit([] { return Value(1); }).result().get() == 1, "the result");
    other.join();
}

MODEL("a bounded pool has room again after a task is cancelled while all that wait are") {
    cf::ThreadPoolExecutor pool({.max_workers = 1, .max_pending = 1});
    const auto task = pool.submit([] {});
    std::thread other([&] { pool.cancel_pending(); });
    task.cancel();
    other.join();
    for (int n = 0; n < 2; ++n) pool.post([] {});
    pool.wait_idle();
}

MODEL("a pool is destroyed while another thread cancels its task") {
    std::thread other;
    {
        cf::ThreadPoolExecutor pool(1);
        other = std::thread([task = pool.submit([] {})] { task.cancel(); });
    }
    other.join();
}

MODEL("two threads wait for a pool's task") {
    cf::ThreadPoolExecutor pool(1);
    const auto task = pool.submit([] { return Value(1); });
    std::thread other([task] { expect(task.result().get() == 1, "the result there"); });
    expect(task.result().get() == 1, "the result here");
    other.join();
}

MODEL("max_workers is raised while two tasks wait for each other") {
    std::atomic<int> begun{0};
    cf::ThreadPoolExecutor pool(1);
    const auto meet = [&] {
        begun.fetch_add(1);
        while (begun.load() != 2) std::this_thread::yield();
    };
    std::thread other([&] { pool.set_max_workers(2); });
    const auto one = pool.submit(meet), two = pool.submit(meet);
    one.wait();
    two.wait();
    other.join();
}

MODEL("a task is asked to stop by another thread while it ends") {
    cf::ThreadPoolExecutor pool(1);
    const auto task = pool.submit([](std::stop_token) { return 1; });
    std::thread other([task] { task.request_stop(); });
    task.wait();
    other.join();
}

MODEL("a worker without idle_timeout stays, however late its wake-up comes") {
    cf::ThreadPoolExecutor pool(1);
    for (int n = 0; n < 2; ++n) pool.submit([] {}).wait();
    std::this_thread::sleep_for(1ms);
    expect(pool.stats().workers == 1, "the worker is there");
}

MODEL("wait_idle() while the pool shuts down") {
    cf::ThreadPoolExecutor pool(1);
    pool.post([] {});
    std::thread other([&] { pool.wait_idle(); });
    pool.shutdown({.wait = false});
    other.join();
}

MODEL("a future that keeps its pool is dropped by another thread") {
    std::thread other;
    {
        cf::ThreadPoolExecutor pool({.max_workers = 1, .on_unhandled_exception = [](const std::exception_ptr&) {}});
        other = std::thread([task = pool.submit([] {})]() mutable { task = {}; });
    }
    other.join();
}

MODEL("a shutdown refuses a submitter that waits for room, before a task has ended") {
    std::mutex held;
    cf::ThreadPoolExecutor pool({.max_workers = 1, .max_pending = 1});
    std::thread other([&] {
        std::this_thread::sleep_for(1s);  // when the submitter does not look for itself any more
        pool.shutdown({.wait = false});
    });
    {
        const std::lock_guard lock(held);
        try {
            for (int n = 0; n < 3; ++n) pool.post([&] { const std::lock_guard wait(held); });
        } catch (const cf::ShutdownError&) {
        }
    }
    other.join();
}

MODEL("Workforce: a task that comes while the only worker blocks brings another one") {
    parts::ThreadPool pool(1);
    pool.start_worker();
    parts::ThreadTask task;
    std::thread worker([&] {
        const parts::Lock lock(pool.tables.mutex);
        pool.workforce().begin_block();
    });
    pool.push(task);
    if (pool.tables.search.needs_worker()) {
        parts::Lock lock(pool.tables.mutex);
        pool.workforce().bring(lock);
    }
    worker.join();
    expect(pool.workforce().headcount().alive() == 2, "another one");
    pool.tables.queues.inbox.try_take();
}

MODEL("Workforce: a worker that leaves a task brings another one for it, or one that blocks meanwhile does") {
    parts::ThreadPool pool(2);
    cf::detail::Worker& takes = pool.start_worker();
    pool.start_worker();
    parts::ThreadTask task, left;
    pool.push(task);
    pool.push(left);
    pool.tables.search.begin_search();
    std::thread worker([&] {
        pool.tables.search.begin_take();
        pool.tables.queues.try_take(takes);
        pool.tables.search.end_take();
        if (!pool.tables.search.has_available()) return;
        const parts::Lock lock(pool.tables.mutex);
        pool.workforce().bring_if_tasks_left();
    });
    {
        const parts::Lock lock(pool.tables.mutex);
        pool.workforce().begin_block();
    }
    worker.join();
    expect(pool.workforce().headcount().alive() == 3, "another one");
    pool.tables.queues.inbox.try_take();
}

namespace {

/// Its worker has seen to the task behind it by now.
struct FirstOfTwo final : cf::detail::Task {
    explicit FirstOfTwo(parts::ThreadPool& its_pool) : pool(its_pool) {}
    cf::detail::TaskEnd run() noexcept override {
        const parts::Lock lock(pool.tables.mutex);
        expect(pool.workforce().headcount().alive() == 2, "a worker for the other task");
        pool.tables.close({});
        return cf::detail::TaskEnd::completed;
    }
    cf::detail::TaskEnd abandon(const std::exception_ptr&) noexcept override { return cf::detail::TaskEnd::failed; }
    Standing standing() const noexcept override { return Standing::waiting; }

    parts::ThreadPool& pool;
};

}  // namespace

// Whoever submits while a worker searches leaves it to that one to bring others.
MODEL("WorkerLoop: a worker that has found one of two tasks brings another worker before it runs its own") {
    parts::ThreadPool pool(2);
    FirstOfTwo task(pool);
    parts::ThreadTask other;
    pool.push(task);
    {
        parts::Lock lock(pool.tables.mutex);
        pool.workforce().bring(lock);
    }
    pool.push(other);
    std::thread worker([&] { cf::detail::WorkerLoop(pool.tables, *parts::ThreadPool::last_started).run([] {}); });
    worker.join();
}

MODEL("a thread cancels a task of a paused pool, which another thread destroys") {
    auto pool = std::make_unique<cf::ThreadPoolExecutor>(1);
    pool->pause();
    const auto task = pool->submit([] {});
    std::thread other([&] {
        pool->shutdown({.cancel_futures = true});
        pool.reset();
    });
    task.cancel();
    other.join();
}

MODEL("wait_idle() of a paused pool waits for its task, though another one comes and is cancelled") {
    cf::ThreadPoolExecutor pool(1);
    pool.pause();
    const auto task = pool.submit([] {});
    std::thread other([&] { pool.submit([] {}).cancel(); });
    bool is_idle = true;
    try {
        pool.wait_idle_for(1s);
    } catch (const cf::TimeoutError&) {
        is_idle = false;
    }
    expect(!is_idle, "a task waits");
    other.join();
}

namespace {

/// Another thread waits until it has run.
struct AwaitedThreadTask final : cf::detail::Task {
    cf::detail::TaskEnd run() override {
        const std::lock_guard lock(mutex);
        has_run = true;
        changed.notify_one();
        return cf::detail::TaskEnd::completed;
    }
    cf::detail::TaskEnd abandon(const std::exception_ptr&) noexcept override { return cf::detail::TaskEnd::cancelled; }
    Standing standing() const noexcept override { return Standing::waiting; }
    void wait() {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return has_run; });
    }

    std::mutex mutex;
    std::condition_variable changed;
    bool has_run = false;  // guarded by mutex
};

}  // namespace

MODEL("WorkerLoop: a paused pool goes on while its worker lies down, and the task that came meanwhile runs") {
    parts::ThreadPool pool(1);
    parts::ThreadTask any;
    pool.push(any);
    {
        parts::Lock lock(pool.tables.mutex);
        pool.workforce().bring(lock);  // this thread is the worker
    }
    pool.tables.queues.inbox.try_take();
    {
        const parts::Lock lock(pool.tables.mutex);
        pool.tables.pause();
    }
    AwaitedThreadTask task;
    std::thread other([&] {
        pool.push(task);
        cf::detail::ThreadControl(pool.tables).resume();
        task.wait();
        const parts::Lock lock(pool.tables.mutex);
        pool.tables.close({});
        pool.workforce().wake_all();
    });
    cf::detail::WorkerLoop(pool.tables, *parts::ThreadPool::last_started).run([] {});
    other.join();
}

MODEL("wait_idle() of a pool that pauses while its last task runs") {
    cf::ThreadPoolExecutor pool(1);
    cf::Promise<void> begins;
    pool.post([&] { begins.set_value(); });
    begins.get_future().wait();
    std::thread other([&] { pool.pause(); });
    pool.wait_idle();
    other.join();
    expect(pool.stats().running == 0 && pool.stats().pending == 0, "it is idle");
}

MODEL("wait_idle() of a paused pool ends when all that waits is cancelled") {
    cf::ThreadPoolExecutor pool(1);
    pool.pause();
    for (int n = 0; n < 2; ++n) pool.post([] {});
    std::thread other([&] { pool.cancel_pending(); });
    pool.wait_idle();
    other.join();
}

MODEL("wait_idle() of a paused pool ends when another thread cancels its only task") {
    cf::ThreadPoolExecutor pool(1);
    pool.pause();
    const auto task = pool.submit([] {});
    std::thread other([task] { task.cancel(); });
    pool.wait_idle();
    other.join();
    expect(task.cancelled(), "it is cancelled");
}

MODEL("wait_idle() of a paused pool ends when another thread lets it go on and its task has run") {
    cf::ThreadPoolExecutor pool(1);
    pool.pause();
    const auto task = pool.submit([] { return Value(1); });
    std::thread other([&] { pool.resume(); });
    pool.wait_idle();
    expect(task.done(), "it has run");
    other.join();
}

MODEL("a task that is submitted after pause() does not start, though a worker looks for tasks") {
    std::atomic<bool> starts{false};
    cf::ThreadPoolExecutor pool(1);
    pool.post([] {});
    pool.pause();
    const auto task = pool.submit([&] { starts.store(true); });
    std::this_thread::sleep_for(1ms);  // until no thread can go on
    expect(!starts.load(), "it waits");
    pool.resume();
    task.wait();
}

MODEL("a task submits tasks to its own pool, which another thread pauses and lets go on") {
    cf::ThreadPoolExecutor pool(1);
    std::vector<cf::Future<Value>> own;
    const auto task = pool.submit([&] {
        for (int n = 0; n < 2; ++n) own.push_back(pool.submit([n] { return Value(n); }));
    });
    std::thread other([&] {
        pool.pause();
        pool.resume();
    });
    task.wait();
    for (int n = 0; n < 2; ++n) expect(own[static_cast<std::size_t>(n)].result().get() == n, "it has run");
    other.join();
}

MODEL("a paused pool goes on while its worker ends because it was idle, and the task that waits runs") {
    cf::Promise<void> ends, may_end;
    const auto end = [&, go_on = may_end.get_future()] {
        if (go_on.done()) return;
        ends.set_value();
        go_on.wait();
    };
    cf::ThreadPoolExecutor pool({.max_workers = 1, .worker_exit = end, .idle_timeout = 1ms});
    pool.submit([] {}).wait();
    pool.pause();
    const auto task = pool.submit([] { return Value(1); });
    ends.get_future().wait();
    pool.resume();
    may_end.set_value();
    expect(task.result().get() == 1, "the result");
}

MODEL("stats() count a task of a paused pool, though another one comes and is cancelled") {
    cf::ThreadPoolExecutor pool(1);
    pool.pause();
    const auto task = pool.submit([] {});
    std::thread other([&] { pool.submit([] {}).cancel(); });
    expect(pool.stats().pending >= 1, "it waits");
    other.join();
    expect(pool.stats().pending == 1 && pool.stats().cancelled == 1, "one waits, one was cancelled");
}

MODEL("a task waits for its own task, which another thread cancels") {
    cf::ThreadPoolExecutor pool(1);
    cf::Promise<cf::Future<int>> promise;
    const auto inner = promise.get_future();
    std::atomic<int> runs{0};
    const auto outer = pool.submit([&] {
        auto own = pool.submit([&] { return runs.fetch_add(1); });
        promise.set_value(own);
        own.wait();
        return own.cancelled();
    });
    inner.result().cancel();
    expect(outer.result() == (runs.load() == 0), "it runs or is cancelled");
}

MODEL("the pool is destroyed by its own task while another thread cancels the next one") {
    auto* const pool = new cf::ThreadPoolExecutor(1);
    cf::Promise<void> may_go_on;
    const auto first = pool->submit([pool, go_on = may_go_on.get_future()] {
        go_on.result();
        delete pool;
    });
    const auto next = pool->submit([] {});
    may_go_on.set_value();
    next.cancel();
    first.wait();
    next.wait();
}

MODEL("a submitter that waits for room in a paused pool goes on when the task before it is cancelled") {
    cf::ThreadPoolExecutor pool({.max_workers = 1, .max_pending = 1});
    pool.pause();
    const auto before = pool.submit([] {});
    std::thread other([before] { before.cancel(); });
    const auto task = pool.submit([] { return Value(1); });
    other.join();
    pool.resume();
    expect(task.result().get() == 1, "the result");
}

MODEL("a time limit passes while its task ends and its pool is destroyed") {
    auto pool = std::make_unique<cf::ThreadPoolExecutor>(1);
    const auto task = pool->submit({.timeout = 1us}, [](std::stop_token stop) {
        std::this_thread::sleep_for(1us);
        return stop.stop_requested();
    });
    pool.reset();
    expect(task.done(), "it has ended");
}
