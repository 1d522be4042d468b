// SPDX-License-Identifier: MIT
//
// CPython's test_concurrent_futures/test_thread_pool.py.
#include <sys/wait.h>

#include <atomic>
#include <memory>
#include <mutex>

#include "cpython/translation.hpp"
#include "support/processes.hpp"

namespace cpython {
namespace {

using Pool = cf::ThreadPoolExecutor;

CPYTHON_CASE("a map runs though nobody iterates over it",
             "test_thread_pool.test_map_submits_without_iteration") {
    std::atomic<int> ran{0};
    Pool pool(2);
    const auto results = pool.map([&](int n) { ran += n; }, numbers_below(10));
    pool.shutdown();
    CHECK(ran == 45);
}

CPYTHON_CASE(
    "a pool has as many threads as this process may use processors, if nobody says a number",
    "test_thread_pool.test_default_workers") {
    const Pool pool;
    CHECK(pool.max_workers() == cf::available_parallelism());
    CHECK(pool.max_workers() >= 1);
}

CPYTHON_CASE("fifteen times as many calls as workers make exactly so many threads",
             "test_thread_pool.test_saturation") {
    Pool pool(4);
    support::Gate gate;
    for (int i = 0; i < 15 * 4; ++i) pool.submit([&] { gate.wait(); });
    // A thread that still searches starts the next one when it has found a task.
    CHECK(support::eventually([&] { return pool.stats().workers == 4; }));
    gate.open();
    pool.shutdown();
    CHECK(pool.stats().completed == 60);
}

CPYTHON_CASE("calls one after the other use one thread",
             "test_thread_pool.test_idle_thread_reuse") {
    Pool pool(4);
    for (int i = 0; i < 3; ++i) {
        CHECK(pool.submit(multiply, 6, 7).result() == 42);
        // result() may come back a moment before its worker does.
        REQUIRE(support::eventually([&] { return pool.stats().idle == pool.stats().workers; }));
    }
    CHECK(pool.stats().workers == 1);
}

CPYTHON_CASE("fifty process pools can be made and used while a thread pool is busy: spawn",
             "test_thread_pool.test_hang_global_shutdown_lock") {
    Pool threads(2);
    support::Gate gate("the threads may end");
    const auto busy = threads.submit([&] { gate.wait(); });
    const auto many = threads.submit([] {
        int sum = 0;
        for (int i = 0; i < 50; ++i) {
            cf::ProcessPoolExecutor processes(Spawn::with({.max_workers = 1}));
            sum += processes.submit(multiply, i, 2).result();
        }
        return sum;
    });
    CHECK(many.result() == 50 * 49);
    gate.open();
}

#if !CONCURRENT_FUTURES_TSAN
CPYTHON_CASE(
    "fifty pools forked before a thread pool work while it is busy, and later ones are refused",
    "test_thread_pool.test_hang_global_shutdown_lock") {
    // AddressSanitizer of g++ 12 does not take care of its allocator's locks in fork(): the thread
    // of one pool may hold one while the next pool forks its template.
    constexpr int count = support::address_sanitized ? 1 : 50;
    if (count == 1)
        WARN("one pool instead of fifty: a fork beside other pools' threads may hang here");
    std::vector<std::unique_ptr<cf::ProcessPoolExecutor>> pools;
    for (int i = 0; i < count; ++i)
        pools.push_back(std::make_unique<cf::ProcessPoolExecutor>(Fork::with({.max_workers = 1})));
    Pool threads(2);
    support::Gate gate("the threads may end");
    const auto busy = threads.submit([&] { gate.wait(); });
    const auto many = threads.submit([&] {
        int sum = 0;
        for (std::size_t i = 0; i < pools.size(); ++i) {
            sum += pools[i]->submit(multiply, static_cast<int>(i), 2).result();
            pools[i].reset();
        }
        return sum;
    });
    CHECK(many.result() == count * (count - 1));
    CHECK_THAT(message_of([] { cf::ProcessPoolExecutor(Fork::with({.max_workers = 1})); }),
               ContainsSubstring("needs a process with one thread") && ContainsSubstring("or use StartMethod::spawn"));
    gate.open();
}
#endif

CPYTHON_CASE("a process that is forked in a pool's thread can let go of the pool and leave",
             "test_thread_pool.test_process_fork_from_a_threadpool") {
    auto pool = std::make_unique<Pool>(2);
    support::Gate gate("the other thread may end");
    const auto busy = pool->submit([&] { gate.wait(); });
    const auto status = pool->submit([&] {
        const pid_t child = ::fork();
        if (child == 0) {
            pool->shutdown();  // waits for no thread that is not here
            pool.reset();
            ::_exit(0);
        }
        int result = -1;
        support::wait_for_end(child, &result);
        return result;
    });
    CHECK(status.result() == 0);
    gate.open();
    CHECK(pool->submit(multiply, 6, 7).result() == 42);
}

CPYTHON_CASE("when its time is up a map cancels the call it waits for and those behind it",
             "test_thread_pool.test_executor_map_current_future_cancel") {
    std::mutex mutex;
    std::vector<std::string> log;
    support::Gate stop, started;
    const auto log_and_wait = [&](const std::string& name) {
        {
            const std::lock_guard lock(mutex);
            log.push_back(name + " started");
        }
        started.open();
        stop.wait();
        const std::lock_guard lock(mutex);
        log.push_back(name + " stopped");
    };
    {
        Pool pool(1);
        const auto first = pool.submit(log_and_wait, "first");
        started.wait();
        {
            auto results = pool.map({.timeout = 0s}, log_and_wait,
                                    std::vector<std::string>{"second", "third"});
            CHECK_THROWS_AS(*results.begin(), cf::TimeoutError);
        }
        stop.open();
    }
    CHECK(log == std::vector<std::string>{"first started", "first stopped"});
}

}  // namespace
}  // namespace cpython
