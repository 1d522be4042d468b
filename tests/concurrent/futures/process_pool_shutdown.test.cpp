// SPDX-License-Identifier: MIT
//
// Every way in which a process pool ends.
#include <concurrent/futures/process_pool_executor.hpp>
#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "concurrent/futures/process_pool.hpp"

namespace process_pools {
namespace {

int open_and_say(const std::string& gate, int result) {
    support::open_gate(gate);
    return result;
}
int ignore_sigterm_and_stay(const std::string& log, const std::string& gate) {
    ::signal(SIGTERM, SIG_IGN);
    return stay(log, gate);
}
bool exists(int pid) { return ::kill(pid, 0) == 0; }

PROCESS_CASE("the destructor waits for all calls, and their results stay") {
    std::vector<cf::Future<int>> futures;
    std::vector<int> pids;
    {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
        for (int i = 0; i < 50; ++i) futures.push_back(pool.submit(square, i));
        futures.front().result();
        // A forked worker may answer before its pool has heard of its pid.
        CHECK(support::eventually([&] { return !(pids = pool.worker_pids()).empty(); }));
    }
    for (int i = 0; i < 50; ++i) {
        CHECK(futures[static_cast<std::size_t>(i)].done());
        CHECK(futures[static_cast<std::size_t>(i)].result() == i * i);
    }
    REQUIRE(!pids.empty());
    for (const int pid : pids) CHECK(!exists(pid));
}

PROCESS_CASE("an exception in the program ends its pool in order, and the exception goes on") {
    cf::Future<int> running;
    std::vector<cf::Future<int>> futures;
    CHECK_THROWS_AS(
        [&] {
            cf::ProcessPoolExecutor pool(
                TestType::with({.max_workers = 1, .on_destroy = cf::OnDestroy::cancel_pending}));
            BusyWorker busy(pool);  // goes first, so that its call can end
            running = busy.call();
            for (int i = 0; i < 40; ++i) futures.push_back(pool.submit(square, i));
            throw std::domain_error("of the program");
        }(),
        std::domain_error);
    CHECK(running.result() > 0);
    for (const auto& future : futures) CHECK(future.done());
}

PROCESS_CASE("the destructor cancels what has not started if it was made so") {
    support::ProcessLog log;
    std::vector<cf::Future<int>> futures;
    cf::Future<int> running;
    {
        auto pool = std::make_unique<cf::ProcessPoolExecutor>(
            TestType::with({.max_workers = 1, .on_destroy = cf::OnDestroy::cancel_pending}));
        BusyWorker busy(*pool);
        running = busy.call();
        for (int i = 0; i < 40; ++i) futures.push_back(pool->submit(record, log.path(), i));
        futures[20].add_done_callback([&](const cf::Future<int>&) { busy.open(); });
        pool.reset();
    }
    CHECK(running.result() > 0);
    for (const auto& future : futures) CHECK(future.cancelled());
    CHECK(log.lines().empty());
}

PROCESS_CASE("shutdown() without waiting returns while calls run, and they end well") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    BusyWorker busy(pool);
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 30; ++i) futures.push_back(pool.submit(record, log.path(), i));
    pool.shutdown({.wait = false});
    CHECK(!busy.call().done());
    CHECK_THROWS_AS(pool.submit(square, 1), cf::ShutdownError);
    busy.open();
    for (int i = 0; i < 30; ++i) CHECK(futures[static_cast<std::size_t>(i)].result() == i);
    CHECK(recorded(log) == numbers_below(30));
    CHECK(support::eventually([&] { return pool.worker_pids().empty(); }));
}

PROCESS_CASE("calls that need each other still run side by side during shutdown") {
    // Submitted and shut down before a worker is ready: the first one gets all there is, and the
    // second one must not be sent home for that.
    for (int i = 0; i < 5; ++i) {
        support::ProcessLog log;
        support::ProcessLog starts;
        support::ProcessGate gate;
        cf::ProcessPoolExecutor pool(TestType::with(
            {.max_workers = 2, .initializer = cf::bind_task(record_pid, starts.path())}));
        const auto waits = pool.submit(stay, log.path(), gate.path());
        const auto opens = pool.submit(open_and_say, gate.path(), 7);
        pool.shutdown();
        CHECK(waits.result() > 0);
        CHECK(opens.result() == 7);
        CHECK(starts.lines().size() <= 2);
    }
}

PROCESS_CASE("workers that have nothing left to do leave, and no others start, while one is busy") {
    support::ProcessLog starts;
    cf::ProcessPoolExecutor pool(TestType::with(
        {.max_workers = 3, .initializer = cf::bind_task(record_pid, starts.path())}));
    BusyWorker one(pool);
    BusyWorker two(pool);
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 20; ++i) futures.push_back(pool.submit(square, i));
    pool.shutdown({.wait = false});
    for (const auto& future : futures) future.result(support::deadline(30s));
    two.open();
    CHECK(support::eventually([&] { return pool.worker_pids() == std::vector{one.pid()}; }));
    CHECK(starts.lines().size() <= 3);
    one.open();
    pool.shutdown();
}

PROCESS_CASE("shutdown() with cancel_futures cancels what has not started, sent or not") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    BusyWorker busy(pool);
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 50; ++i) futures.push_back(pool.submit(record, log.path(), i));
    std::atomic<int> heard{0};
    futures.back().add_done_callback([&](const cf::Future<int>&) { ++heard; });
    pool.shutdown({.wait = false, .cancel_futures = true});
    for (const auto& future : futures) CHECK(future.cancelled());
    CHECK(heard == 1);
    CHECK(pool.stats().pending == 0);
    CHECK(pool.stats().cancelled == 50);
    busy.open();
    pool.shutdown();
    CHECK(busy.call().result() == busy.pid());
    CHECK(log.lines().empty());
}

PROCESS_CASE("shutdown_for() gives up waiting, and may be repeated") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    BusyWorker busy(pool);
    CHECK_THROWS_AS(pool.shutdown_for(1ms), cf::TimeoutError);
    CHECK(!busy.call().done());
    busy.open();
    pool.shutdown_for(1h);
    CHECK(busy.call().done());
}

PROCESS_CASE("shutdown() from a callback, and from two threads at once") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    BusyWorker busy(pool);
    std::atomic<bool> returned{false};
    busy.call().add_done_callback([&](const cf::Future<int>&) {
        pool.shutdown();
        returned = true;
    });
    std::thread one([&] { pool.shutdown(); });
    std::thread two([&] { pool.shutdown({.cancel_futures = true}); });
    busy.open();
    one.join();
    two.join();
    CHECK(returned);
    CHECK(pool.worker_pids().empty());
}

PROCESS_CASE("a pool may be destroyed by a callback of its own") {
    auto pool = std::make_unique<cf::ProcessPoolExecutor>(TestType::with({.max_workers = 1}));
    support::Gate destroyed("the pool is destroyed");
    auto busy = std::make_unique<BusyWorker>(*pool);
    const cf::Future<int> call = busy->call();
    const cf::Future<int> waiting = pool->submit(square, 3);
    call.add_done_callback([&](const cf::Future<int>&) {
        pool.reset();
        destroyed.open();
    });
    busy->open();
    destroyed.wait();
    CHECK(waiting.result(support::deadline(30s)) == 9);
}

std::string exit_log;
void log_at_exit(const std::string& log) {
    exit_log = log;
    if (std::atexit([] {
            for (int i = 0; i < 2000; ++i) support::append_line(exit_log, "at exit");
        }) != 0)
        std::abort();
}

TEST_CASE("a spawned worker has the time to run its exit handlers", "[process_pool]") {
    support::ProcessLog log;
    {
        cf::ProcessPoolExecutor pool(Spawn::with({.max_workers = 1}));
        pool.submit(log_at_exit, log.path()).result();
    }
    CHECK(log.lines().size() == 2000);
}

PROCESS_CASE("futures outlive their pool") {
    cf::Future<std::string> future;
    {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
        future = pool.submit([](std::string text) { return text; }, "kept");
    }
    CHECK(future.result() == "kept");
    CHECK(!future.cancel());
    CHECK(!future.running());
}

PROCESS_CASE("terminate_workers() and kill_workers() end running calls and cancel the others") {
    for (const bool kills : {false, true}) {
        support::ProcessLog log;
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
        BusyWorker one(pool);
        BusyWorker two(pool);
        std::vector<cf::Future<int>> queued;
        for (int i = 0; i < 50; ++i) queued.push_back(pool.submit(record, log.path(), i));
        CHECK(support::eventually([&] { return pool.worker_pids().size() == 2; }));
        kills ? pool.kill_workers() : pool.terminate_workers();
        for (const BusyWorker* const busy : {&one, &two}) {
            const auto error = error_of<cf::WorkerDiedError>(busy->call());
            CHECK(error.pid() == busy->pid());
            CHECK(error.signal() == (kills ? SIGKILL : SIGTERM));
            CHECK_THAT(error.what(),
                       ContainsSubstring(kills ? "kill_workers()" : "terminate_workers()"));
        }
        for (const auto& call : queued) CHECK(call.cancelled());
        CHECK_THROWS_AS(pool.submit(square, 1), cf::ShutdownError);
        pool.shutdown();
        CHECK(log.lines().empty());
        CHECK(pool.worker_pids().empty());
        CHECK(!exists(one.pid()));
        CHECK(pool.stats().worker_restarts == 0);
        pool.kill_workers();  // nobody is left: nothing happens
    }
}

PROCESS_CASE("kill_workers() on a pool that was never used only shuts it down") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    pool.kill_workers();
    CHECK_THROWS_AS(pool.submit(square, 1), cf::ShutdownError);
}

PROCESS_CASE("kill_workers() ends calls that terminate_workers() cannot") {
    support::ProcessLog log;
    support::ProcessGate gate;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto stubborn = pool.submit(ignore_sigterm_and_stay, log.path(), gate.path());
    log.wait_for(1);
    pool.terminate_workers();
    CHECK_THROWS_AS(pool.shutdown_for(10ms), cf::TimeoutError);
    pool.kill_workers();
    CHECK(error_of<cf::WorkerDiedError>(stubborn).signal() == SIGKILL);
}

PROCESS_CASE("workers killed from all sides while calls are retried leave no call behind") {
    for (int round = 0; round < 20; ++round) {
        cf::ProcessPoolExecutor pool(TestType::with(
            {.max_workers = 2, .on_worker_death = cf::WorkerDeath::retry_task}));
        BusyWorker one(pool);
        BusyWorker two(pool);
        ::kill(one.pid(), SIGKILL);
        pool.kill_workers();
        pool.shutdown();
        CHECK(one.call().done());
        CHECK(two.call().done());
    }
}

}  // namespace
}  // namespace process_pools
