// SPDX-License-Identifier: MIT
//
// CPython's test_concurrent_futures/test_shutdown.py. What happens at the end of a program is in
// tests/programs/cpython_*.cpp.
#include <signal.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>

#include "cpython/translation.hpp"
#include "support/leak_listener.hpp"

namespace cpython {
namespace {

bool exists(int pid) { return ::kill(pid, 0) == 0; }

using Resources = support::ProcessResources;

/// The threads and processes that there were before, and no others.
void check_nothing_is_left(const Resources& before) {
    CHECK(support::leaks_since(before, support::settle_time) == std::vector<std::string>());
}

/// Threads or processes. Not the difference of their numbers: one that was joined may still have been there
/// before.
std::size_t new_ones(const std::map<pid_t, std::string>& before, const std::map<pid_t, std::string>& now) {
    return static_cast<std::size_t>(
        std::count_if(now.begin(), now.end(), [&](const auto& one) { return !before.contains(one.first); }));
}

// ---- every executor ----

EXECUTOR_CASE("after shutdown() a call is refused",
              "test_shutdown.ExecutorShutdownTest.test_run_after_shutdown") {
    TestType pool(5);
    pool.shutdown();
    CHECK_THROWS_AS(pool.submit(multiply, 2, 5), cf::ShutdownError);
}

EXECUTOR_CASE("shutdown() waits for all of fifty calls",
              "test_shutdown.ExecutorShutdownTest.test_hang_issue12364") {
    TestType pool(5);
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 50; ++i) futures.push_back(pool.submit(multiply, i, 2));
    pool.shutdown();
    for (int i = 0; i < 50; ++i) CHECK(futures[as_index(i)].result(0s) == 2 * i);
}

EXECUTOR_CASE("shutdown() with cancel_futures cancels what waits and lets end what runs",
              "test_shutdown.ExecutorShutdownTest.test_cancel_futures") {
    TestType pool(5);
    support::ProcessLog started;
    support::ProcessGate gate;
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 50; ++i)
        futures.push_back(pool.submit(stay, started.path(), gate.path(), i));
    started.wait_for(5);
    pool.shutdown({.wait = false, .cancel_futures = true});
    int cancelled = 0;
    for (const auto& future : futures) cancelled += future.cancelled();
    CHECK(cancelled == 45);  // all that had not started; CPython: more than 20
    gate.open();
    pool.shutdown();
    for (int i = 0; i < 50; ++i) {
        const auto& future = futures[as_index(i)];
        REQUIRE(future.done());
        if (!future.cancelled()) CHECK(future.result() == i);
    }
}

EXECUTOR_CASE("shutdown() after calls that were submitted and cancelled ends",
              "test_shutdown.ExecutorShutdownTest.test_hang_gh94440") {
    for (int round = 0; round < 10; ++round) {
        TestType pool(1);
        for (int i = 0; i < 20; ++i) pool.submit(multiply, i, i).cancel();
        pool.shutdown();
        CHECK(pool.stats().completed + pool.stats().cancelled == 20);
    }
}

// ---- threads ----

void check_threads_end(std::size_t blocked) {
    const Resources before = Resources::now();
    cf::ThreadPoolExecutor pool(5);
    support::Gate gate;
    for (std::size_t i = 0; i < blocked; ++i) pool.submit([&] { gate.wait(); });
    // A thread that still searches starts the next one when it has found a task.
    CHECK(support::eventually([&] { return pool.stats().running == blocked; }));
    CHECK(pool.stats().workers == blocked);
    CHECK(new_ones(before.threads, Resources::now().threads) == blocked);
    gate.open();
    pool.shutdown();
    CHECK(pool.stats().workers == 0);
    check_nothing_is_left(before);
}

CPYTHON_CASE("three blocked calls have three threads, and shutdown() waits for their end",
             "test_shutdown.ThreadPoolShutdownTest.test_threads_terminate") {
    check_threads_end(3);
}

CPYTHON_CASE("a thread pool that goes out of scope has run all calls and has no thread left",
             "test_shutdown.ThreadPoolShutdownTest.test_context_manager_shutdown") {
    const Resources before = Resources::now();
    {
        cf::ThreadPoolExecutor pool(5);
        CHECK(collected(pool.map(multiply, numbers_below(5), numbers_below(5))) ==
              std::vector{0, 1, 4, 9, 16});
    }
    check_nothing_is_left(before);
}

EXECUTOR_CASE(
    "results can be read when their pool is gone",
    "test_shutdown.ThreadPoolShutdownTest.test_del_shutdown][test_shutdown.ProcessPoolShutdownTest."
    "test_del_shutdown") {
    const Resources before = Resources::now();
    {
        std::optional<TestType> pool(std::in_place, 5);
        auto results = pool->map(multiply, numbers_below(5), numbers_below(5));
        const auto future = pool->submit(multiply, 6, 7);
        pool.reset();
        CHECK(support::eventually([&] {
            return new_ones(before.threads, Resources::now().threads) == 0 &&
                   new_ones(before.processes, Resources::now().processes) == 0;
        }));
        CHECK(collected(std::move(results)) == std::vector{0, 1, 4, 9, 16});
        CHECK(future.result(0s) == 42);
    }
    check_nothing_is_left(before);
}

CPYTHON_CASE("shutdown() without waiting still runs all calls and ends the threads",
             "test_shutdown.ThreadPoolShutdownTest.test_shutdown_no_wait") {
    const Resources before = Resources::now();
    {
        cf::ThreadPoolExecutor pool(5);
        auto results = pool.map(multiply, numbers_below(5), numbers_below(5));
        pool.shutdown({.wait = false});
        CHECK(collected(std::move(results)) == std::vector{0, 1, 4, 9, 16});
        CHECK(support::eventually([&] { return pool.stats().workers == 0; }));
    }
    check_nothing_is_left(before);
}

std::set<std::string> names_of_five_threads(cf::ThreadPoolExecutor& pool) {
    support::Gate gate;
    for (int i = 0; i < 5; ++i) pool.submit([&] { gate.wait(); });
    std::set<std::string> names;
    // A thread has the name of its maker at first.
    REQUIRE(support::eventually([&] {
        names.clear();
        for (const auto& [id, name] : Resources::now().threads)
            if (name.find('_') != std::string::npos && name != "pool_manager") names.insert(name);
        return names.size() >= 5;
    }));
    gate.open();
    pool.shutdown();
    return names;
}

CPYTHON_CASE("threads are called by the prefix and a number, for the system as well",
             "test_shutdown.ThreadPoolShutdownTest.test_thread_names_assigned") {
    cf::ThreadPoolExecutor pool({.max_workers = 5, .thread_name_prefix = "SpecialPool"});
    const auto names = names_of_five_threads(pool);
    for (const char* const name :
         {"SpecialPool_0", "SpecialPool_1", "SpecialPool_2", "SpecialPool_3", "SpecialPool_4"})
        CHECK(names.contains(name));
}

CPYTHON_CASE("threads of different pools without a prefix have different names",
             "test_shutdown.ThreadPoolShutdownTest.test_thread_names_default") {
    cf::ThreadPoolExecutor one(5), other(5);
    const auto first = names_of_five_threads(one);
    const auto second = names_of_five_threads(other);
    for (const std::string& name : first) {
        CHECK_FALSE(name.empty());
        CHECK_FALSE(second.contains(name));
    }
}

// ---- processes ----

PROCESS_POOL_CASE("three blocked calls have three processes, and shutdown() waits for their end",
                  "test_shutdown.ProcessPoolShutdownTest.test_processes_terminate") {
    const Resources before = Resources::now();
    std::vector<int> pids;
    {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 5}));
        support::ProcessLog started;
        support::ProcessGate gate;
        for (int i = 0; i < 3; ++i) pool.submit(stay, started.path(), gate.path(), i);
        started.wait_for(3);
        CHECK(knows_workers(pool, 3));
        pids = pool.worker_pids();
        gate.open();
        pool.shutdown();
        CHECK(pool.worker_pids().empty());
        for (const int pid : pids) CHECK_FALSE(exists(pid));  // not even as a zombie
    }
    check_nothing_is_left(before);
}

PROCESS_POOL_CASE("a process pool that goes out of scope has run all calls and has no process left",
                  "test_shutdown.ProcessPoolShutdownTest.test_context_manager_shutdown") {
    const Resources before = Resources::now();
    std::vector<int> pids;
    {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 5}));
        CHECK(collected(pool.map(multiply, numbers_below(5), numbers_below(5))) ==
              std::vector{0, 1, 4, 9, 16});
        // A forked worker may answer before its pool has heard of its pid.
        CHECK(support::eventually([&] { return !(pids = pool.worker_pids()).empty(); }));
    }
    for (const int pid : pids) CHECK_FALSE(exists(pid));
    check_nothing_is_left(before);
}

PROCESS_POOL_CASE("shutdown() without waiting still runs all calls and ends the processes",
                  "test_shutdown.ProcessPoolShutdownTest.test_shutdown_no_wait") {
    const Resources before = Resources::now();
    {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 5}));
        auto results = pool.map(multiply, numbers_below(5), numbers_below(5));
        const auto pids = pool.worker_pids();
        pool.shutdown({.wait = false});
        CHECK(collected(std::move(results)) == std::vector{0, 1, 4, 9, 16});
        for (const int pid : pids) CHECK(support::eventually([&] { return !exists(pid); }));
        CHECK(support::eventually([&] { return pool.worker_pids().empty(); }));
    }
    check_nothing_is_left(before);
}

/// A call that fails among others, each in a process of its own, and a shutdown that does not wait.
template <class Method>
void check_recycling_with_a_failure(int max_workers) {
    cf::ProcessPoolExecutor pool(
        Method::with({.max_workers = max_workers, .max_tasks_per_child = 1}));
    support::ProcessGate gate;
    const auto first = pool.submit(multiply, 1, 1);
    const auto second = pool.submit(fail, "failing task");
    const auto third = pool.submit(stay_at, gate.path(), 3);
    CHECK(first.result() == 1);
    CHECK_THROWS_AS(second.result(), std::runtime_error);
    pool.shutdown({.wait = false});
    gate.open();
    pool.shutdown_for(support::deadline(30s));
    CHECK(third.result(0s) == 3);
}

PROCESS_POOL_CASE("with two recycled workers and a failing call shutdown() without waiting ends",
                  "test_shutdown.ProcessPoolShutdownTest.test_shutdown_gh_132969_case_1") {
    check_recycling_with_a_failure<TestType>(2);
}

PROCESS_POOL_CASE("with four recycled workers and a failing call shutdown() without waiting ends",
                  "test_shutdown.ProcessPoolShutdownTest.test_shutdown_gh_132969_case_2") {
    check_recycling_with_a_failure<TestType>(4);
}

}  // namespace
}  // namespace cpython
