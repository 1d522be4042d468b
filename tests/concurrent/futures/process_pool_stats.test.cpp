// SPDX-License-Identifier: MIT
//
// stats() of a process pool, all numbers at once, in every situation.
#include <concurrent/futures/process_pool_executor.hpp>
#include <fcntl.h>
#include <signal.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "concurrent/futures/process_pool.hpp"
#include "support/processes.hpp"

namespace process_pools {
namespace {

std::string text(const cf::ExecutorStats& now) {
    return "workers " + std::to_string(now.workers) + ", idle " + std::to_string(now.idle) +
           ", pending " + std::to_string(now.pending) + ", running " + std::to_string(now.running) +
           ", completed " + std::to_string(now.completed) + ", failed " + std::to_string(now.failed) +
           ", cancelled " + std::to_string(now.cancelled) + ", restarts " +
           std::to_string(now.worker_restarts);
}
/// For what follows from what has happened, but not at once: workers that start, become idle or end.
#define CHECK_SOON(pool, expected)                                                      \
    do {                                                                                \
        support::eventually([&] { return text((pool).stats()) == std::string(expected); }, \
                            support::deadline(10s));                                    \
        CHECK(text((pool).stats()) == std::string(expected));                           \
    } while (false)

int parent_of(int pid) {
    for (const auto& process : support::all_processes())
        if (process.pid == pid) return process.parent;
    return 0;
}
int fail() { throw std::runtime_error("failed"); }
int die() {
    ::kill(::getpid(), SIGKILL);
    return 0;
}
[[noreturn]] int run_for_ever(const std::string& log) {
    support::append_line(log, "runs");
    for (;;) ::pause();
}
int fail_once(const std::string& counter, const std::string& gate) {
    support::count_event(counter);
    const int file = ::open(counter.c_str(), O_RDONLY | O_CLOEXEC);
    char byte = 0;
    int calls = 0;
    while (::read(file, &byte, 1) == 1) ++calls;
    ::close(file);
    if (calls == 1) throw std::runtime_error("once");
    support::wait_at_gate(gate);
    return calls;
}

PROCESS_CASE("stats() from the first call to the end of the pool") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    CHECK(text(pool.stats()) ==
          "workers 0, idle 0, pending 0, running 0, completed 0, failed 0, cancelled 0, restarts 0");
    BusyWorker one(pool);
    CHECK(text(pool.stats()) ==
          "workers 1, idle 0, pending 0, running 1, completed 0, failed 0, cancelled 0, restarts 0");
    BusyWorker two(pool);
    CHECK(text(pool.stats()) ==
          "workers 2, idle 0, pending 0, running 2, completed 0, failed 0, cancelled 0, restarts 0");
    std::vector<cf::Future<int>> waiting;
    for (int i = 0; i < 40; ++i) waiting.push_back(pool.submit(square, i));
    CHECK(text(pool.stats()) ==
          "workers 2, idle 0, pending 40, running 2, completed 0, failed 0, cancelled 0, restarts 0");
    for (std::size_t i = 0; i < 40; i += 4) CHECK(waiting[i].cancel());
    CHECK(text(pool.stats()) ==
          "workers 2, idle 0, pending 30, running 2, completed 0, failed 0, cancelled 10, restarts 0");
    one.open();
    for (std::size_t i = 0; i < 40; ++i)
        if (i % 4 != 0) waiting[i].wait();
    CHECK(one.call().result() == one.pid());
    CHECK_SOON(pool, "workers 2, idle 1, pending 0, running 1, completed 31, failed 0, cancelled 10, "
                     "restarts 0");
    error_of<std::runtime_error>(pool.submit(fail));
    CHECK_SOON(pool, "workers 2, idle 1, pending 0, running 1, completed 31, failed 1, cancelled 10, "
                     "restarts 0");
    two.open();
    two.call().wait();
    CHECK_SOON(pool, "workers 2, idle 2, pending 0, running 0, completed 32, failed 1, cancelled 10, "
                     "restarts 0");
    pool.shutdown();
    CHECK(text(pool.stats()) ==
          "workers 0, idle 0, pending 0, running 0, completed 32, failed 1, cancelled 10, restarts 0");
}

PROCESS_CASE("stats() when workers die") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    error_of<cf::WorkerDiedError>(pool.submit(die));
    CHECK(text(pool.stats()) ==
          "workers 0, idle 0, pending 0, running 0, completed 0, failed 1, cancelled 0, restarts 1");
    BusyWorker busy(pool);
    std::vector<cf::Future<int>> behind;
    for (int i = 0; i < 5; ++i) behind.push_back(pool.submit(square, i));
    CHECK(text(pool.stats()) ==
          "workers 1, idle 0, pending 5, running 1, completed 0, failed 1, cancelled 0, restarts 1");
    ::kill(busy.pid(), SIGKILL);
    for (const auto& call : behind) call.wait();
    CHECK_SOON(pool, "workers 1, idle 1, pending 0, running 0, completed 5, failed 2, cancelled 0, "
                     "restarts 2");
    // An idle one is not replaced before there is work.
    REQUIRE(knows_workers(pool, 1));
    ::kill(pool.worker_pids().at(0), SIGKILL);
    CHECK_SOON(pool, "workers 0, idle 0, pending 0, running 0, completed 5, failed 2, cancelled 0, "
                     "restarts 3");
}

PROCESS_CASE("a call whose worker is gone counts as running until it is known how it ended") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    BusyWorker busy(pool);
    // Only a forked worker's parent is another process, from which the pool hears that.
    const int parent = parent_of(busy.pid());
    const bool is_forked = parent != ::getpid();
    if (is_forked) {
        ::kill(parent, SIGSTOP);
        REQUIRE(support::eventually([&] { return support::state_of(parent) == 'T'; }));
    }
    ::kill(busy.pid(), SIGKILL);
    CHECK(support::eventually([&] { return pool.stats().workers == 0; }));
    const auto now = pool.stats();
    CHECK(now.running + now.failed == 1);
    if (is_forked) {
        CHECK(now.running == 1);
        ::kill(parent, SIGCONT);
    }
    error_of<cf::WorkerDiedError>(busy.call());
    CHECK_SOON(pool, "workers 0, idle 0, pending 0, running 0, completed 0, failed 1, cancelled 0, "
                     "restarts 1");
}

PROCESS_CASE("stats() when calls are ended or tried again") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .stop_grace = 10ms}));
    support::ProcessLog log;
    error_of<cf::TaskTimeoutError>(pool.submit({.timeout = 50ms}, run_for_ever, log.path()));
    CHECK(text(pool.stats()) ==
          "workers 0, idle 0, pending 0, running 0, completed 0, failed 1, cancelled 0, restarts 1");
    support::ProcessLog second_log;  // the first task may have been ended before it could write
    const auto stopped = pool.submit(run_for_ever, second_log.path());
    second_log.wait_for(1);
    CHECK(text(pool.stats()) ==
          "workers 1, idle 0, pending 0, running 1, completed 0, failed 1, cancelled 0, restarts 1");
    stopped.request_stop();
    stopped.wait();
    CHECK(text(pool.stats()) ==
          "workers 0, idle 0, pending 0, running 0, completed 0, failed 1, cancelled 1, restarts 2");
    support::ProcessCounter ran;
    support::ProcessGate gate;
    const auto again = pool.submit({.retries = 1}, fail_once, ran.path(), gate.path());
    ran.wait_for(2);
    CHECK(text(pool.stats()) ==
          "workers 1, idle 0, pending 0, running 1, completed 0, failed 1, cancelled 1, restarts 2");
    gate.open();
    CHECK(again.result() == 2);
    CHECK_SOON(pool, "workers 1, idle 1, pending 0, running 0, completed 1, failed 1, cancelled 1, "
                     "restarts 2");
}

PROCESS_CASE("a worker that is replaced in good order is no restart") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .max_tasks_per_child = 2}));
    for (int i = 0; i < 10; ++i) pool.submit(square, i).wait();
    CHECK(pool.stats().worker_restarts == 0);
    CHECK(pool.stats().completed == 10);
}

PROCESS_CASE("at every moment each call is counted once") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    constexpr std::size_t calls = support::sanitized ? 500 : 3000;
    std::atomic<bool> over{false};
    std::atomic<std::size_t> wrong{0};
    std::vector<cf::Future<int>> futures;
    for (std::size_t i = 0; i < calls; ++i)
        futures.push_back(pool.submit(i % 500 == 99 ? die : i % 10 == 3 ? fail : worker_pid));
    std::thread watching([&] {
        while (!over) {
            const auto now = pool.stats();
            const std::size_t all =
                now.pending + now.running + now.completed + now.failed + now.cancelled;
            wrong += all != calls || now.idle > now.workers || now.workers > 2;
        }
    });
    for (std::size_t i = 0; i < calls; i += 5) futures[calls - 1 - i].cancel();
    for (const auto& future : futures) future.wait();
    over = true;
    watching.join();
    CHECK(wrong == 0);
}

}  // namespace
}  // namespace process_pools
