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
#include <exception>
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
