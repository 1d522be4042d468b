// SPDX-License-Identifier: MIT
//
// process_pool.hpp: what the tests of ProcessPoolExecutor have in common.
//
//     PROCESS_CASE("a worker that dies is replaced") {            // once with each start method
//         cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
//         BusyWorker busy(pool);                                  // its one worker stays at a gate
//         …
//     }
//
// Calls are free functions, and what they see and tell goes through the paths of a ProcessLog or a
// ProcessGate, because they run in other processes.
#pragma once

#include <concurrent/futures/process_pool_executor.hpp>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "support/deadline.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"
#include "support/process_log.hpp"
#include "support/processes.hpp"

namespace process_pools {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

struct Spawn {
    static constexpr cf::StartMethod method = cf::StartMethod::spawn;
    static cf::ProcessPoolOptions with(cf::ProcessPoolOptions options) {
        options.start_method = method;
        return options;
    }
};

struct Fork {
    static constexpr cf::StartMethod method = cf::StartMethod::fork;
    static cf::ProcessPoolOptions with(cf::ProcessPoolOptions options) {
        options.start_method = method;
        return options;
    }
};

// ThreadSanitizer cannot follow a fork of a process with threads; process_pool_executor.test.cpp
// has a test case that says so.
#if CONCURRENT_FUTURES_TSAN
#define PROCESS_CASE(name) TEMPLATE_TEST_CASE(name, "[process_pool]", Spawn)
#else
#define PROCESS_CASE(name) TEMPLATE_TEST_CASE(name, "[process_pool]", Spawn, Fork)
#endif

// ---- calls ----

inline int square(int n) { return n * n; }
inline int worker_pid() { return ::getpid(); }

inline int record(const std::string& log, int n) {
    support::append_line(log, std::to_string(n));
    return n;
}
inline int record_pid(const std::string& log) {
    support::append_line(log, std::to_string(::getpid()));
    return ::getpid();
}
/// Says in which process it runs, and stays until the gate opens.
inline int stay(const std::string& log, const std::string& gate) {
    support::append_line(log, std::to_string(::getpid()));
    support::wait_at_gate(gate);
    return ::getpid();
}

// ---- a pool with one worker that is busy ----

/// The pool knows so many processes of workers. A forked worker may run a call before its pool has heard of its pid.
inline bool knows_workers(const cf::ProcessPoolExecutor& pool, std::size_t count) {
    return support::eventually([&] { return pool.worker_pids().size() == count; });
}

/// Kills a worker in which no call runs, so that it starts none any more, and the pool may not know yet. Alone a SIGKILL
/// leaves a process that runs on another processor some microseconds, enough for a short call.
inline void kill_idle_worker(int pid) {
    REQUIRE(::kill(pid, SIGSTOP) == 0);
    REQUIRE(support::eventually([&] { return support::state_of(pid) == 'T'; }));
    REQUIRE(::kill(pid, SIGKILL) == 0);
}

/// Until it is opened or destroyed, one worker of the pool stays in a call, at a gate. The pool knows its pid.
class BusyWorker {
  public:
    explicit BusyWorker(cf::ProcessPoolExecutor& pool)
        : call_(pool.submit({.name = "busy"}, stay, log_.path(), gate_.path())) {
        log_.wait_for(1);
        pid_ = std::stoi(log_.lines().at(0));
        REQUIRE(support::eventually([&] {
            const std::vector<int> known = pool.worker_pids();
            return std::find(known.begin(), known.end(), pid_) != known.end();
        }));
    }
    void open() { gate_.open(); }
    int pid() const { return pid_; }
    const cf::Future<int>& call() const { return call_; }

  private:
    support::ProcessLog log_;
    support::ProcessGate gate_;
    cf::Future<int> call_;
    int pid_ = 0;
};

/// The exception of type E that `call` throws. Fails the test if there is none.
template <class E, class Call>
E thrown_by(Call&& call) {
    try {
        static_cast<void>(std::invoke(call));
    } catch (const E& error) {
        return error;
    } catch (const std::exception& error) {
        FAIL("threw something else: " << error.what());
    }
    FAIL("threw nothing");
    throw 0;  // not reached
}
template <class E, class T>
E error_of(const cf::Future<T>& future) {
    return thrown_by<E>([&] { future.result(support::deadline(30s)); });
}

/// The numbers that were recorded, sorted.
inline std::vector<int> recorded(const support::ProcessLog& log) {
    std::vector<int> numbers;
    for (const std::string& line : log.lines()) numbers.push_back(std::stoi(line));
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}
inline std::vector<int> numbers_below(int end) {
    std::vector<int> numbers;
    for (int i = 0; i < end; ++i) numbers.push_back(i);
    return numbers;
}

}  // namespace process_pools
