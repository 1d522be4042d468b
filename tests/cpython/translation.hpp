// SPDX-License-Identifier: MIT
//
// translation.hpp: what the tests translated from CPython's test_concurrent_futures have in common.
//
//     EXECUTOR_CASE("submit() gives a future of what the call returns", "executor.test_submit") {
//         TestType pool(5);                           // on threads, spawned and forked processes
//     }
//     PROCESS_POOL_CASE("…", "test_deadlock.test_crash_big_data") {
//         cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));     // spawn, then fork
//     }
//     CPYTHON_CASE("…", "test_future.test_done") { … }                          // no executor
//
// The second argument is CPython's name, "file.method" or "file.Class.method". README.md lists all
// of them; check_list.py holds the list against these sources.
#pragma once

#include <unistd.h>
#include <concurrent/futures.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <fstream>
#include <functional>
#include <numeric>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "concurrent/futures/process_pool.hpp"
#include "contract/executors.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"
#include "support/process_log.hpp"

namespace cpython {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

using contract::BusyPool;
using contract::ForkedProcesses;
using contract::message_of;
using contract::SpawnedProcesses;
using contract::Threads;
using process_pools::BusyWorker;
/// Keep the future longer than the error: both share its text, whose owners the standard library
/// counts where ThreadSanitizer cannot see it.
using process_pools::error_of;
using process_pools::Fork;
using process_pools::kill_idle_worker;
using process_pools::knows_workers;
using process_pools::numbers_below;
using process_pools::recorded;
using process_pools::Spawn;
using process_pools::thrown_by;

#define EXECUTOR_CASE(name, test) TEMPLATE_TEST_CASE(name, "[cpython][" test "]", CONTRACT_POOLS)
#if CONCURRENT_FUTURES_TSAN
#define PROCESS_POOL_CASE(name, test) TEMPLATE_TEST_CASE(name, "[cpython][" test "]", Spawn)
#else
#define PROCESS_POOL_CASE(name, test) TEMPLATE_TEST_CASE(name, "[cpython][" test "]", Spawn, Fork)
#endif
#define CPYTHON_CASE(name, test) TEST_CASE(name, "[cpython][" test "]")

// ---- calls ----

inline int multiply(int a, int b) { return a * b; }
inline std::string to_text(int n) { return std::to_string(n); }
inline int fail(const std::string& message) { throw std::runtime_error(message); }
inline int worker_pid() { return ::getpid(); }

inline int stay(const std::string& started, const std::string& gate, int result) {
    support::append_line(started, std::to_string(result));
    support::wait_at_gate(gate);
    return result;
}
inline int stay_at(const std::string& gate, int result) {
    support::wait_at_gate(gate);
    return result;
}
inline int fail_at(const std::string& gate, const std::string& message) {
    support::wait_at_gate(gate);
    throw std::runtime_error(message);
}
inline int record(const std::string& log, int n) {
    support::append_line(log, std::to_string(n));
    return n;
}
inline int record_pid(const std::string& log) { return record(log, ::getpid()); }

// ---- counted objects ----

/// Objects of this type that are alive in this process. Crosses to another by its number.
struct Counted {
    static inline std::atomic<int> alive{0};

    Counted() { ++alive; }
    explicit Counted(int n) : number(n) { ++alive; }
    Counted(const Counted& other) : number(other.number) { ++alive; }
    Counted(Counted&& other) noexcept : number(other.number) { ++alive; }
    Counted& operator=(const Counted&) = default;
    ~Counted() { --alive; }

    template <class Archive>
    void serialize(Archive& archive) {
        archive(number);
    }

    int number = 0;
};

// ---- results of maps ----

template <class Results>
auto collected(Results&& results) {
    std::vector<typename std::decay_t<Results>::value_type> all;
    for (auto&& result : results) all.push_back(std::move(result));
    return all;
}

template <class Number>
std::size_t as_index(Number n) {
    return static_cast<std::size_t>(n);
}

}  // namespace cpython
