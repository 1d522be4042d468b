// SPDX-License-Identifier: MIT
//
// CPython's test_concurrent_futures/test_init.py: what runs first in every worker.
#include <atomic>
#include <map>
#include <stdexcept>

#include "cpython/translation.hpp"
#include "support/leak_listener.hpp"

namespace cpython {
namespace {

void begin(const std::string& log, const std::string& argument) {
    support::append_line(log, argument + " " + std::to_string(::getpid()));
}
void refuse(const std::string& reason) { throw std::runtime_error(reason); }

/// Submits until the pool refuses, and gives what was taken until then.
template <class Pool>
std::vector<cf::Future<int>> fill_until_broken(Pool& pool, std::string& refusal) {
    std::vector<cf::Future<int>> taken;
    REQUIRE(support::eventually([&] {
        try {
            taken.push_back(pool.submit(multiply, 2, 2));
            return false;
        } catch (const cf::BrokenExecutor& error) {
            refusal = error.what();
            return true;
        }
    }));
    return taken;
}

CPYTHON_CASE("the initializer runs once in every worker thread, before its calls",
             "test_init.InitializerMixin.test_initializer") {
    static thread_local int begun = 0;
    std::atomic<int> beginnings{0};
    cf::ThreadPoolExecutor pool({.max_workers = 3, .initializer = [&] {
                                     ++begun;
                                     ++beginnings;
                                 }});
    support::Gate gate;
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 12; ++i)
        futures.push_back(pool.submit([&] {
            gate.wait();
            return begun;
        }));
    gate.open();
    for (const auto& future : futures) CHECK(future.result() == 1);
    pool.shutdown();
    CHECK(beginnings <= 3);
    CHECK(beginnings >= 1);
}

PROCESS_POOL_CASE(
    "the initializer gets its arguments once in every worker process, before its calls",
    "test_init.InitializerMixin.test_initializer") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with(
        {.max_workers = 3, .initializer = cf::bind_task(begin, log.path(), "initialized")}));
    std::set<std::string> workers;
    {
        BusyWorker one(pool), two(pool);  // two different ones
        workers = {std::to_string(one.pid()), std::to_string(two.pid())};
        for (int i = 0; i < 3; ++i)
            workers.insert(std::to_string(pool.submit(worker_pid).result()));
    }
    pool.shutdown();
    std::map<std::string, int> begun;
    for (const std::string& line : log.lines()) {
        CHECK_THAT(line, Catch::Matchers::StartsWith("initialized "));
        ++begun[line.substr(line.find(' ') + 1)];
    }
    for (const std::string& worker : workers) CHECK(begun[worker] == 1);
    CHECK(begun.size() <= 3);
}

CPYTHON_CASE("an initializer that throws in a thread fails what waits and, soon, every submit()",
             "test_init.FailingInitializerMixin.test_initializer") {
    cf::ThreadPoolExecutor pool(
        {.max_workers = 2, .initializer = [] { throw std::runtime_error("no licence"); }});
    std::string refusal;
    const auto futures = fill_until_broken(pool, refusal);
    CHECK_THAT(refusal, ContainsSubstring("no licence"));
    for (const auto& future : futures)
        CHECK_THAT(error_of<cf::BrokenThreadPool>(future).what(), ContainsSubstring("no licence"));
}

PROCESS_POOL_CASE(
    "an initializer that throws in a process fails what waits and, soon, every submit()",
    "test_init.FailingInitializerMixin.test_initializer") {
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 2, .initializer = cf::bind_task(refuse, "no licence")}));
    std::string refusal;
    const auto futures = fill_until_broken(pool, refusal);
    CHECK_THAT(refusal, ContainsSubstring("no licence"));
    for (const auto& future : futures)
        CHECK_THAT(error_of<cf::BrokenProcessPool>(future).what(), ContainsSubstring("no licence"));
}

template <class Method>
void check_that_a_failing_initializer_leaks_nothing() {
    const auto before = support::ProcessResources::now();
    for (int round = 0; round < 5; ++round) {
        cf::ProcessPoolExecutor pool(
            Method::with({.max_workers = 2, .initializer = cf::bind_task(refuse, "no")}));
        std::string refusal;
        fill_until_broken(pool, refusal);
    }
    CHECK(support::leaks_since(before, support::settle_time) == std::vector<std::string>());
}

CPYTHON_CASE("an initializer that throws leaves no descriptor, process or thread: spawn",
             "test_init.FailingInitializerResourcesTest.test_spawn") {
    check_that_a_failing_initializer_leaks_nothing<Spawn>();
}

#if !CONCURRENT_FUTURES_TSAN
CPYTHON_CASE("an initializer that throws leaves no descriptor, process or thread: fork",
             "test_init.FailingInitializerResourcesTest.test_forkserver") {
    check_that_a_failing_initializer_leaks_nothing<Fork>();
}
#else
CPYTHON_CASE("an initializer that throws leaves no descriptor, process or thread: fork",
             "test_init.FailingInitializerResourcesTest.test_forkserver") {
    SKIP("ThreadSanitizer cannot follow a fork");
}
#endif

}  // namespace
}  // namespace cpython
