// SPDX-License-Identifier: MIT
//
// The README's tables "From Python" and "Beyond Python", row by row: futures, threads, and what both kinds
// of pools have in common. The name of a row stands above the lines that show it. What only processes have
// is in from_python_processes.cpp.
//
// Run: build/quickstart/examples/from_python_threads
// Prints (the test compares it):
//     every line holds
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <iostream>
#include <latch>
#include <mutex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// From Python: import concurrent.futures
#include <concurrent/futures.hpp>
namespace cf = concurrent::futures;

#include "support/check.hpp"

namespace {

using namespace std::chrono_literals;

int square(int n) { return n * n; }
int add(int a, int b) { return a + b; }
int fail() { throw std::domain_error("no luck"); }

/// A pool whose only worker stays in `call` until open(): whatever is submitted meanwhile waits.
class BusyPool {
    std::latch started_{1}, gate_{1};

  public:
    cf::ThreadPoolExecutor pool{1};
    cf::Future<int> call = pool.submit([this] {
        started_.count_down();
        gate_.wait();
        return 7;
    });

    BusyPool() { started_.wait(); }
    ~BusyPool() { open(); }
    void open() {
        if (!std::exchange(is_open_, true)) gate_.count_down();
    }

  private:
    bool is_open_ = false;
};

// ---- executors ----

void thread_pools() {
    // From Python: ThreadPoolExecutor(max_workers=4)
    cf::ThreadPoolExecutor pool({.max_workers = 4});
    check(pool.max_workers() == 4);

    // From Python: ThreadPoolExecutor(thread_name_prefix="io")
    cf::ThreadPoolExecutor named({.thread_name_prefix = "io"});  // its threads are io_0, io_1, …
    check(named.submit(square, 2).result() == 4);

    // From Python: ThreadPoolExecutor(initializer=f, initargs=(x,))
    std::atomic<int> initialized{0};
    cf::ThreadPoolExecutor ready({.max_workers = 1, .initializer = [&, x = 5] { initialized += x; }});
    check(ready.submit([&] { return initialized.load(); }).result() == 5);
}

void interpreters() {
    // From Python: InterpreterPoolExecutor(max_workers=4)
    cf::ThreadPoolExecutor pool({.max_workers = 4});  // threads run in parallel here: there is no GIL
    check(pool.submit(square, 12).result() == 144);
}

void with_statement() {
    std::atomic<int> ran{0};
    // From Python: with ThreadPoolExecutor() as pool:
    {
        cf::ThreadPoolExecutor pool;
        for (int i = 0; i < 10; ++i) pool.submit([&] { ++ran; });
    }  // waits, as Python does
    check(ran == 10);
}

// From Python: def f(pool: Executor):
int code_for_every(cf::Executor auto& pool) { return pool.submit(square, 12).result(); }

void executors() {
    cf::ThreadPoolExecutor pool;
    cf::InlineExecutor here;
    check(code_for_every(pool) == code_for_every(here));

    const int a = 40, b = 2;
    // From Python: executor.submit(f, a, b)
    cf::Future<int> future = pool.submit(add, a, b);
    check(future.result() == 42);

    const std::vector<int> xs{1, 2, 3}, ys{10, 20, 30};
    std::vector<int> results;
    // From Python: executor.map(f, xs, ys)
    for (int sum : pool.map(add, xs, ys)) results.push_back(sum);
    check(results == std::vector{11, 22, 33});

    // From Python: executor.map(f, xs, timeout=5, chunksize=100, buffersize=8)
    auto range = pool.map({.timeout = 5s, .chunksize = 100, .buffersize = 8}, square, xs);
    check(*range.begin() == 1);

    std::multiset<int> squares;
    // From Python: Pool.imap_unordered(f, xs)
    for (int y : pool.map_unordered(square, xs)) squares.insert(y);
    check(squares == std::multiset{1, 4, 9});

    // From Python: executor.shutdown()
    pool.shutdown();
    // From Python: RuntimeError("cannot schedule new futures after shutdown")
    check_throws<cf::ShutdownError>([&] { return pool.submit(square, 1); });

    BusyPool busy;
    const auto waiting = busy.pool.submit(square, 1);
    // From Python: executor.shutdown(wait=False, cancel_futures=True)
    busy.pool.shutdown({.wait = false, .cancel_futures = true});
    check(waiting.cancelled());

    // From Python: os.process_cpu_count()
    const std::size_t count = cf::available_parallelism();  // minds a container's quota too
    check(count >= 1 && cf::ThreadPoolExecutor().max_workers() == count);
}

// From Python: a task that waits for a task of its own pool may deadlock
int fibonacci(cf::ThreadPoolExecutor& pool, int n) {
    if (n < 2) return n;
    const auto a = pool.submit(fibonacci, std::ref(pool), n - 1);
    return fibonacci(pool, n - 2) + a.result();  // the worker that waits runs what it waits for
}

// ---- futures ----

void results() {
    cf::ThreadPoolExecutor pool;
    const cf::Future<int> future = pool.submit(square, 12);
    // From Python: future.result()
    check(future.result() == 144);
    // From Python: future.result(timeout=5)
    check(future.result(5s) == 144);

    const cf::Future<int> failing = pool.submit(fail);
    // From Python: future.exception()
    const std::exception_ptr error = failing.exception();
    check(error != nullptr);
    // From Python: future.exception(timeout=5)
    check(future.exception(5s) == nullptr);
    // From Python: try: future.result() except ValueError as e:
    try {
        failing.result();
    } catch (const std::domain_error& e) {
        check(e.what() == std::string("no luck"));
    }
}

void states() {
    BusyPool busy;
    const auto waiting = busy.pool.submit(square, 1);
    // From Python: future.done()
    check(!busy.call.done());
    // From Python: future.running()
    check(busy.call.running());
    // From Python: future.cancel()
    check(waiting.cancel() && !busy.call.cancel());
    // From Python: future.cancelled()
    check(waiting.cancelled() && waiting.done());

    std::ostringstream text;
    // From Python: print(future)
    text << busy.call;
    check(text.str() == "<Future: running>");
}

void callbacks() {
    cf::ThreadPoolExecutor pool;
    const cf::Future<int> future = pool.submit(square, 12);
    std::atomic<int> seen{0};
    // From Python: future.add_done_callback(f)
    future.add_done_callback([&](const cf::Future<int>& done) { seen = done.result(); });
    pool.shutdown();
    check(seen == 144);
}

void waits() {
    BusyPool busy;
    cf::ThreadPoolExecutor pool;
    const std::vector fs{pool.submit(square, 1), pool.submit(fail), busy.call};

    // From Python: wait(fs, timeout=5, return_when=FIRST_COMPLETED)
    auto first = cf::wait(fs, {.timeout = 5s, .return_when = cf::ReturnWhen::first_completed});
    check(!first.done.empty());
    // From Python: wait(fs, return_when=FIRST_EXCEPTION)
    auto failed = cf::wait(fs, {.return_when = cf::ReturnWhen::first_exception});
    check(std::ranges::count(failed.done, fs[1]) == 1 && failed.not_done.back() == busy.call);
    busy.open();
    // From Python: done, not_done = wait(fs, return_when=ALL_COMPLETED)
    auto [done, not_done] = cf::wait(fs);
    check(done == fs && not_done.empty());

    std::size_t count = 0;
    // From Python: as_completed(fs, timeout=5)
    for (cf::Future<int>& future : cf::as_completed(fs, 5s)) count += future.done();
    check(count == fs.size());
}

void promises() {
    // From Python: Future()
    cf::Promise<int> promise;
    const cf::Future<int> future = promise.get_future();
    // From Python: future.set_running_or_notify_cancel()
    check(promise.set_running_or_notify_cancel());
    // From Python: future.set_result(42)
    promise.set_value(42);
    check(future.result() == 42);

    cf::Promise<int> other;
    // From Python: future.set_exception(ValueError("no luck"))
    other.set_exception(std::make_exception_ptr(std::domain_error("no luck")));
    check(other.get_future().exception() != nullptr);
}

// ---- exceptions ----

void exceptions() {
    BusyPool busy;
    const auto waiting = busy.pool.submit(square, 1);
    // From Python: TimeoutError
    check_throws<cf::TimeoutError>([&] { return waiting.result(1ms); });
    waiting.cancel();
    // From Python: CancelledError
    check_throws<cf::CancelledError>([&] { return waiting.result(); });

    cf::Promise<int> promise;
    promise.set_value(1);
    // From Python: InvalidStateError
    check_throws<cf::InvalidStateError>([&] { promise.set_value(2); });

    cf::ThreadPoolExecutor broken({.initializer = [] { throw std::runtime_error("no database"); }});
    // From Python: BrokenInterpreterPool
    // From Python: BrokenThreadPool
    check_throws<cf::BrokenThreadPool>([&] { broken.submit(square, 1).result(); });  // names "no database"
    // From Python: BrokenExecutor
    check_throws<cf::BrokenExecutor>([&] { broken.submit(square, 1).result(); });
}

// ---- asyncio ----

// From Python: async def f(pool):
cf::Future<int> coroutine(cf::ThreadPoolExecutor& pool) {
    // From Python: await loop.run_in_executor(pool, f, x)
    const int nine = co_await pool.submit(square, 3);

    // From Python: await asyncio.gather(a, b)
    auto [a, b] = co_await cf::when_all(pool.submit(square, nine), pool.submit(add, 1, 2));

    // Beyond Python: where a coroutine resumes
    co_await cf::resume_on(pool);  // in a worker of pool
    co_return a.result() + b.result();
}

// ---- what Python does not have ----

void composition() {
    cf::ThreadPoolExecutor pool;
    // Beyond Python: a function of the result
    cf::Future<int> next = pool.submit(square, 3).then(square);         // in the thread that ends the call
    cf::Future<int> later = pool.submit(square, 3).then(pool, square);  // on the pool
    check(next.result() == 81 && later.result() == 81);

    std::vector parts{pool.submit(square, 1), pool.submit(square, 2)};
    // Beyond Python: several futures as one
    cf::Future<std::vector<cf::Future<int>>> all = cf::when_all(parts);
    check(all.result()[1].result() == 4);
    auto any = cf::when_any(parts).result();
    check(any.futures[any.index].done());
}

void options_of_a_call() {
    cf::ThreadPoolExecutor pool({.max_workers = 1});
    int runs = 0;
    const auto fails_twice = [&] { return ++runs < 3 ? fail() : runs; };
    // Beyond Python: options of one task
    check(pool.submit({.name = "x", .priority = cf::Priority::high, .retries = 2}, fails_twice).result() ==
          3);

    const auto until_stopped = [](std::stop_token stop) {
        while (!stop.stop_requested()) std::this_thread::yield();
    };
    // Beyond Python: a time limit for a task
    const auto limited = pool.submit({.timeout = 10ms}, until_stopped);
    check_throws<cf::TaskTimeoutError>([&] { limited.result(); });

    const auto asked = pool.submit(until_stopped);
    // Beyond Python: asking a running task to stop
    asked.request_stop();
    asked.wait();

    std::atomic<bool> ran{false};
    // Beyond Python: a task without a future
    pool.post([&] { ran = true; });

    const std::vector<std::function<int()>> calls{[] { return 1; }, [] { return 2; }};
    // Beyond Python: a range of tasks at once
    const std::vector<cf::Future<int>> numbers = pool.submit_all(calls);
    check(numbers[0].result() + numbers[1].result() == 3);

    std::vector<double> prices(1000, 2.0);
    // Beyond Python: a loop over a range, in place
    cf::for_each(pool, prices, [](double& price) { price *= 1.5; });
    check(cf::transform_reduce(pool, prices, 0.0, std::plus<>(), std::negate<>()) == -3000.0);
    pool.shutdown();
    check(ran);
}

void options_of_a_pool() {
    // Beyond Python: a bound on waiting tasks
    cf::ThreadPoolExecutor bounded({.max_pending = 100, .on_full = cf::QueueFull::block});
    for (int i = 0; i < 1000; ++i) bounded.submit(square, i);

    std::mutex mutex;
    int reported = 0;
    // Beyond Python: failures that are never looked at
    cf::ThreadPoolExecutor reporting({.report_unobserved = true,
                                      .on_unhandled_exception = [&](const std::exception_ptr&) {
                                          const std::lock_guard lock(mutex);
                                          ++reported;
                                      }});
    reporting.submit(fail);
    reporting.post(fail);
    reporting.shutdown();
    check(reported == 2);

    BusyPool busy;
    // Beyond Python: shutdown with a limit
    check_throws<cf::TimeoutError>([&] { busy.pool.shutdown_for(1ms); });

    // Beyond Python: what a pool is doing
    const cf::ExecutorStats stats = busy.pool.stats();
    check(stats.workers == 1 && stats.running == 1 && stats.pending == 0);
}

void no_threads() {
    // Beyond Python: an executor without threads, for tests
    cf::InlineExecutor pool;
    check(pool.submit(square, 12).done());
}

}  // namespace

int main() {
    thread_pools();
    interpreters();
    with_statement();
    executors();
    cf::ThreadPoolExecutor one(1);
    check(one.submit(fibonacci, std::ref(one), 10).result() == 55);
    results();
    states();
    callbacks();
    waits();
    promises();
    exceptions();
    check(coroutine(one).result() == 84);
    composition();
    options_of_a_call();
    options_of_a_pool();
    no_threads();
    std::cout << "every line holds\n";
}
