// SPDX-License-Identifier: MIT
//
// executors.hpp: the executors that the contract suite runs on, all made in the same way.
//
//     CONTRACT_CASE("submit() gives a future of what the call returns") {   // on every executor
//         TestType pool(2);
//         CHECK(pool.submit(square, 12).result() == 144);
//     }
//     CONCURRENT_CASE("cancel() of a waiting call gives true") {            // on every pool
//         …
//     }
//
// The inline executor has ended a call when submit() returns, so cases about calls that wait or
// run meanwhile are for the pools only. Calls are free functions, and what they see and tell goes
// through the paths of a ProcessLog or a ProcessGate, because some of them run in other processes.
#pragma once

#include <concurrent/futures/any_executor.hpp>
#include <concurrent/futures/as_completed.hpp>
#include <concurrent/futures/inline_executor.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/wait.hpp>

#if __has_include(<concurrent/futures/process_pool_executor.hpp>)
#include <concurrent/futures/process_pool_executor.hpp>
#define CONTRACT_HAS_PROCESSES 1
#else
#define CONTRACT_HAS_PROCESSES 0
#endif

#if defined(CONTRACT_MPI)
#include <concurrent/futures/mpi_pool_executor.hpp>
#endif

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <type_traits>

#include "support/deadline.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"
#include "support/process_log.hpp"

namespace contract {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

struct Threads : cf::ThreadPoolExecutor {
    explicit Threads(cf::Count workers = 2) : cf::ThreadPoolExecutor(workers) {}
};

struct OwnedThreads {
    cf::ThreadPoolExecutor threads;
};
/// An AnyExecutor, with the pool that it refers to.
struct AnyThreads : private OwnedThreads, cf::AnyExecutor {
    explicit AnyThreads(cf::Count workers = 2)
        : OwnedThreads{cf::ThreadPoolExecutor(workers)}, cf::AnyExecutor(threads) {}
    AnyThreads(const AnyThreads&) = delete;
    AnyThreads& operator=(const AnyThreads&) = delete;
};

struct Inline : cf::InlineExecutor {
    explicit Inline(cf::Count = 1) {}
};

#if CONTRACT_HAS_PROCESSES
struct SpawnedProcesses : cf::ProcessPoolExecutor {
    explicit SpawnedProcesses(cf::Count workers = 2)
        : cf::ProcessPoolExecutor(cf::ProcessPoolOptions{
              .max_workers = workers, .start_method = cf::StartMethod::spawn}) {}
};

struct ForkedProcesses : cf::ProcessPoolExecutor {
    explicit ForkedProcesses(cf::Count workers = 2)
        : cf::ProcessPoolExecutor(cf::ProcessPoolOptions{
              .max_workers = workers, .start_method = cf::StartMethod::fork}) {}
};
#endif

#if defined(CONTRACT_MPI)  // tests/mpi: this suite on the ranks of a job
struct MpiRanks : cf::MPIPoolExecutor {
    explicit MpiRanks(cf::Count workers = 2) : cf::MPIPoolExecutor(cf::MPIPoolOptions{.max_workers = workers}) {}
};
/// What a pool for which no number is given has.
template <class Pool>
std::size_t default_workers() {
    int ranks = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    return ranks == 1 ? 1 : static_cast<std::size_t>(ranks - 1);
}
template <class Pool>
inline constexpr bool shares_memory = !std::is_same_v<Pool, MpiRanks>;
#else
template <class Pool>
std::size_t default_workers() {
    return cf::available_parallelism();
}
template <class Pool>
inline constexpr bool shares_memory = true;
#endif

// ThreadSanitizer cannot follow a fork into a process that then makes threads.
#if defined(CONTRACT_POOLS)  // chosen by whoever compiles this
#elif defined(CONTRACT_MPI)
#define CONTRACT_POOLS MpiRanks
#elif !CONTRACT_HAS_PROCESSES
#define CONTRACT_POOLS Threads
#elif CONCURRENT_FUTURES_TSAN
#define CONTRACT_POOLS Threads, SpawnedProcesses
#else
#define CONTRACT_POOLS Threads, SpawnedProcesses, ForkedProcesses
#endif

#if defined(CONTRACT_MPI) || defined(CONTRACT_POOLS_ALONE)
#define CONTRACT_CASE(name) TEMPLATE_TEST_CASE(name, "[contract]", CONTRACT_POOLS)
#else
#define CONTRACT_CASE(name) TEMPLATE_TEST_CASE(name, "[contract]", Inline, CONTRACT_POOLS)
#endif
#define CONCURRENT_CASE(name) TEMPLATE_TEST_CASE(name, "[contract]", CONTRACT_POOLS)

// ---- calls ----

inline int square(int n) { return n * n; }
inline int sum(int a, int b) { return a + b; }

/// Says that it runs, and stays until the gate opens.
inline int stay(const std::string& started, const std::string& gate, int result) {
    support::count_event(started);
    support::wait_at_gate(gate);
    return result;
}

/// Stays without a word.
inline int stay_at(const std::string& gate, int result) {
    support::wait_at_gate(gate);
    return result;
}

inline int record(const std::string& log, int n) {
    support::append_line(log, std::to_string(n));
    return n;
}

inline int fail_with(const std::string& message) { throw std::runtime_error(message); }

inline int fail_behind(const std::string& gate, const std::string& message) {
    support::wait_at_gate(gate);
    throw std::runtime_error(message);
}

// ---- a pool whose only worker is busy ----

/// While this lives and is not opened, nothing else that is submitted to the pool starts.
template <class Pool>
class BusyPool {
  public:
    BusyPool() : call_(pool.submit(stay, started_.path(), gate_.path(), 7)) {
        started_.wait_for(1);
        // The worker may be quicker than the news of it.
        REQUIRE(support::eventually([&] { return call_.running(); }));
    }
    ~BusyPool() { open(); }

    void open() { gate_.open(); }
    const cf::Future<int>& call() const { return call_; }  // gives 7

  private:
    support::ProcessCounter started_;
    support::ProcessGate gate_;

  public:
    Pool pool{1};

  private:
    cf::Future<int> call_;
};

/// The message of the exception that `call` throws; empty when it throws none.
template <class Call>
std::string message_of(Call&& call) {
    try {
        static_cast<void>(std::invoke(call));
    } catch (const std::exception& error) {
        return error.what();
    }
    return {};
}

}  // namespace contract
