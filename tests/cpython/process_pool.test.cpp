// SPDX-License-Identifier: MIT
//
// CPython's test_concurrent_futures/test_process_pool.py. There a dead worker breaks the pool; here
// only with on_worker_death = break_pool.
#include <signal.h>

#include <map>
#include <memory>
#include <stdexcept>

#include "cpython/shortage.hpp"
#include "cpython/translation.hpp"
#include "support/processes.hpp"

namespace cpython {
namespace {

using Options = cf::ProcessPoolOptions;

class Unheard : public std::exception {
  public:
    explicit Unheard(int n) : text_("error " + std::to_string(n)) {}
    const char* what() const noexcept override { return text_.c_str(); }

  private:
    std::string text_;
};

int throw_unheard(int n) { throw Unheard(n); }
int throw_nested(const std::string& inner) {
    try {
        throw std::out_of_range(inner);
    } catch (...) {
        std::throw_with_nested(std::runtime_error("outer"));
    }
}
int leave_with(int code) { ::_exit(code); }
int parent_pid() { return ::getppid(); }
bool exists(int pid) { return ::kill(pid, 0) == 0; }

/// Writes a line where it ends, if that is a worker.
struct Witness {
    explicit Witness(std::string path = {}) : log(std::move(path)) {}
    Witness(Witness&& other) noexcept : log(std::exchange(other.log, {})), armed(other.armed) {}
    Witness(const Witness&) = default;
    Witness& operator=(Witness&&) = delete;
    ~Witness() {
        if (armed && !log.empty()) support::append_line(log, "gone");
    }
    template <class Archive>
    void serialize(Archive& archive) {
        archive(log);
        armed = std::is_same_v<Archive, cf::Decoder>;
    }
    std::string log;
    bool armed = false;
};
int observe(const Witness& witness) { return static_cast<int>(witness.log.size()); }

// ---- deaths ----

PROCESS_POOL_CASE("a worker that is killed takes its own call with it and no other",
                  "test_process_pool.test_killed_child") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    BusyWorker victim(pool), other(pool);
    const auto waiting = pool.submit(multiply, 6, 7);
    ::kill(victim.pid(), SIGKILL);  // CPython: SIGTERM, which our workers take from their pool only
    CHECK(error_of<cf::WorkerDiedError>(victim.call()).pid() == victim.pid());
    other.open();
    CHECK(other.call().result() == other.pid());
    CHECK(waiting.result(support::deadline(30s)) == 42);
    CHECK(pool.submit(multiply, 2, 3).result(support::deadline(30s)) == 6);
}

PROCESS_POOL_CASE(
    "with break_pool a worker that is killed breaks the pool for all calls and later ones",
    "test_process_pool.test_killed_child") {
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 2, .on_worker_death = cf::WorkerDeath::break_pool}));
    BusyWorker victim(pool), other(pool);
    const auto waiting = pool.submit(multiply, 6, 7);
    ::kill(victim.pid(), SIGKILL);  // CPython: SIGTERM, which our workers take from their pool only
    error_of<cf::WorkerDiedError>(victim.call());
    error_of<cf::BrokenProcessPool>(other.call());
    error_of<cf::BrokenProcessPool>(waiting);
    CHECK_THROWS_AS(pool.submit(multiply, 2, 3), cf::BrokenProcessPool);
}

PROCESS_POOL_CASE("each call that a broken pool fails has an exception object of its own",
                  "test_process_pool.test_broken_process_pool_traceback") {
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 1, .on_worker_death = cf::WorkerDeath::break_pool}));
    BusyWorker victim(pool);
    std::vector<cf::Future<int>> waiting;
    for (int i = 0; i < 5; ++i) waiting.push_back(pool.submit(multiply, i, i));
    ::kill(victim.pid(), SIGKILL);
    std::set<const std::exception*> objects;
    for (const auto& call : waiting) {
        const std::exception_ptr error = call.exception(support::deadline(30s));
        REQUIRE(error);
        try {
            std::rethrow_exception(error);
        } catch (const cf::BrokenProcessPool& broken) {
            objects.insert(&broken);  // kept alive by the future
        }
    }
    CHECK(objects.size() == 5);
}

// ---- map, exceptions, arguments ----

PROCESS_POOL_CASE("chunks of any size give what the calls one by one would, below zero is refused",
                  "test_process_pool.test_map_chunksize") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 5}));
    std::vector<int> squares;
    for (int i = 0; i < 40; ++i) squares.push_back(i * i);
    for (const int chunksize : {6, 50, 40})
        CHECK(collected(pool.map({.chunksize = chunksize}, multiply, numbers_below(40),
                                 numbers_below(40))) == squares);
    const int negative = -1;
    CHECK_THROWS_AS(pool.map({.chunksize = negative}, multiply, numbers_below(4), numbers_below(4)),
                    std::invalid_argument);
}

PROCESS_POOL_CASE(
    "an exception tells where it comes from: type, message, process, what it is nested in",
    "test_process_pool.test_traceback") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const int pid = pool.submit(worker_pid).result();
    const auto call = pool.submit(throw_unheard, 123);
    const auto error = error_of<cf::RemoteError>(call);
    CHECK_THAT(error.type_name(), ContainsSubstring("Unheard"));
    CHECK(error.message() == "error 123");
    CHECK(error.pid() == pid);
    CHECK_THAT(error.what(), ContainsSubstring("Unheard") && ContainsSubstring("error 123") &&
                                 ContainsSubstring(std::to_string(pid)));
    const auto nested = pool.submit(throw_nested, "inner");
    try {
        nested.result();
        FAIL("threw nothing");
    } catch (const std::runtime_error& outer) {
        CHECK(std::string(outer.what()) == "outer");
        CHECK_THROWS_AS(std::rethrow_if_nested(outer), std::out_of_range);
    }
}

PROCESS_POOL_CASE("the death of a worker is told with its exit code",
                  "test_process_pool.test_traceback_when_child_process_terminates_abruptly") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto call = pool.submit(leave_with, 99);
    const auto error = error_of<cf::WorkerDiedError>(call);
    CHECK(error.exit_code() == 99);
    CHECK_THAT(error.what(), ContainsSubstring("exit code 99"));
}

PROCESS_POOL_CASE("a worker lets go of the arguments when the call has run",
                  "test_process_pool.test_ressources_gced_in_workers") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    CHECK(pool.submit(observe, Witness(log.path())).result() > 0);
    log.wait_for(1);  // the worker is idle, and stays
    CHECK(pool.submit(multiply, 1, 1).result() == 1);
    CHECK(log.lines() == std::vector<std::string>{"gone"});
}

// ---- how many workers ----

PROCESS_POOL_CASE("fifteen times as many calls as workers make exactly so many processes",
                  "test_process_pool.test_saturation") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 4}));
    support::ProcessLog started;
    support::ProcessGate gate;
    for (int i = 0; i < 15 * 4; ++i) pool.submit(stay, started.path(), gate.path(), i);
    started.wait_for(4);
    CHECK(knows_workers(pool, 4));
    CHECK(pool.stats().workers == 4);
    CHECK(started.lines().size() == 4);
    gate.open();
    pool.shutdown();
    CHECK(started.lines().size() == 60);
}

PROCESS_POOL_CASE("calls one after the other use one process",
                  "test_process_pool.test_idle_process_reuse_one") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 4}));
    CHECK(pool.submit(multiply, 21, 2).result() == 42);
    CHECK(pool.submit(multiply, 6, 7).result() == 42);
    CHECK(pool.submit(multiply, 3, 14).result() == 42);
    CHECK(pool.stats().workers == 1);
    CHECK(knows_workers(pool, 1));
}

PROCESS_POOL_CASE("never more than two calls at once need no more than three processes",
                  "test_process_pool.test_idle_process_reuse_multiple") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 4}));
    pool.submit(multiply, 12, 7).result();
    pool.submit(multiply, 33, 25);
    pool.submit(multiply, 25, 26).result();
    pool.submit(multiply, 18, 29);
    pool.submit(multiply, 1, 2).result();
    pool.submit(multiply, 0, 9);
    CHECK(pool.worker_pids().size() <= 3);
}

// ---- max_tasks_per_child ----

PROCESS_POOL_CASE("a worker is replaced after max_tasks_per_child calls",
                  "test_process_pool.test_max_tasks_per_child") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .max_tasks_per_child = 3}));
    const int first = pool.submit(worker_pid).result();
    CHECK(pool.submit(worker_pid).result() == first);
    CHECK(pool.submit(worker_pid).result() == first);
    const int second = pool.submit(worker_pid).result();
    CHECK(second != first);
    CHECK(support::eventually([&] { return pool.worker_pids() == std::vector{second}; }));
    CHECK(pool.stats().worker_restarts == 0);
}

CPYTHON_CASE("in a program that calls process_main() workers are spawned unless it says otherwise",
             "test_process_pool.test_max_tasks_per_child_defaults_to_spawn_context") {
    for (const unsigned per_child : {0U, 3U}) {
        cf::ProcessPoolExecutor automatic(
            Options{.max_workers = 1, .max_tasks_per_child = per_child});
        CHECK(automatic.submit(parent_pid).result() == ::getpid());
    }
#if !CONCURRENT_FUTURES_TSAN
    // A forked worker is the child of the pool's template process.
    cf::ProcessPoolExecutor forked(Fork::with({.max_workers = 1, .max_tasks_per_child = 3}));
    CHECK(forked.submit(parent_pid).result() != ::getpid());
#endif
}

PROCESS_POOL_CASE("calls that wait while workers are replaced all run",
                  "test_process_pool.test_max_tasks_per_child_pending_tasks_gh115634") {
    struct Numbers {
        int max_workers, max_tasks_per_child, calls;
    };
    for (const auto& [workers, per_child, calls] :
         {Numbers{1, 2, 6}, Numbers{2, 2, 8}, Numbers{2, 1, 20}}) {
        support::ProcessLog log;
        cf::ProcessPoolExecutor pool(
            TestType::with({.max_workers = workers, .max_tasks_per_child = per_child}));
        std::vector<cf::Future<int>> futures;
        for (int i = 0; i < calls; ++i) futures.push_back(pool.submit(record_pid, log.path()));
        std::map<int, int> calls_of;
        for (const auto& future : futures) ++calls_of[future.result(support::deadline(30s))];
        for (const auto& [pid, count] : calls_of) CHECK(count <= per_child);
        CHECK(log.lines().size() == as_index(calls));
    }
}

PROCESS_POOL_CASE("workers are still replaced after shutdown() without waiting",
                  "test_process_pool.test_shutdown_no_wait_max_tasks_gh119592") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2, .max_tasks_per_child = 1}));
    BusyWorker busy(pool);
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 8; ++i) futures.push_back(pool.submit(multiply, i, 2));
    pool.shutdown({.wait = false});
    busy.open();
    for (int i = 0; i < 8; ++i) CHECK(futures[as_index(i)].result(support::deadline(30s)) == 2 * i);
}

PROCESS_POOL_CASE("a pool that is destroyed while its workers are replaced runs all that it took",
                  "test_process_pool.test_gc_during_max_tasks_worker_exit_gh152967") {
    std::vector<cf::Future<int>> futures;
    for (int round = 0; round < 5; ++round) {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2, .max_tasks_per_child = 1}));
        for (int i = 0; i < 4; ++i) futures.push_back(pool.submit(multiply, i, 2));
        futures.back().wait();
        futures.push_back(pool.submit(multiply, 4, 2));
    }
    for (std::size_t i = 0; i < futures.size(); ++i) {
        REQUIRE(futures[i].done());
        CHECK(futures[i].result() == static_cast<int>(i % 5) * 2);
    }
}

PROCESS_POOL_CASE("no worker is replaced once the workers are being killed",
                  "test_process_pool.test_force_shutdown_during_max_tasks_worker_exit") {
    for (const bool kills : {true, false}) {
        support::ProcessLog starts;
        cf::ProcessPoolExecutor pool(
            TestType::with({.max_workers = 2,
                            .initializer = cf::bind_task(record_pid, starts.path()),
                            .max_tasks_per_child = 1}));
        BusyWorker busy(pool);
        std::vector<cf::Future<int>> futures;
        for (int i = 0; i < 30; ++i) futures.push_back(pool.submit(multiply, i, 2));
        futures[2].wait();  // workers come and go
        kills ? pool.kill_workers() : pool.terminate_workers();
        CHECK(error_of<cf::WorkerDiedError>(busy.call()).pid() == busy.pid());
        for (const auto& future : futures) {
            REQUIRE(support::eventually([&] { return future.done(); }));
            if (!future.cancelled() && future.exception()) error_of<cf::WorkerDiedError>(future);
        }
        pool.shutdown();
        const std::size_t started = starts.lines().size();
        CHECK(started <= 32);
        CHECK(pool.worker_pids().empty());
        for (const std::string& pid : starts.lines()) CHECK_FALSE(exists(std::stoi(pid)));
    }
}

PROCESS_POOL_CASE("when no worker is left and none can be started every call fails and says why",
                  "test_process_pool.test_failed_worker_replacement_breaks_pool") {
    if (!can_run_out_of_descriptors) SKIP(why_not_out_of_descriptors);
    const DescriptorFloor floor(24);
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .max_tasks_per_child = 1}));
    auto busy = std::make_unique<BusyWorker>(pool);
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 3; ++i) futures.push_back(pool.submit(multiply, i, 2));
    std::string words;
    {
        const NoMoreDescriptors shortage(floor.limit());
        busy->open();
        words = error_of<cf::BrokenProcessPool>(futures[0]).what();
        for (const auto& future : futures) error_of<cf::BrokenProcessPool>(future);
    }
    CHECK_THAT(words, ContainsSubstring("a worker process cannot be started"));
    CHECK(busy->call().result() == busy->pid());
    CHECK_THROWS_AS(pool.submit(multiply, 1, 1), cf::BrokenProcessPool);
}

PROCESS_POOL_CASE("shutdown() right after calls that each need a worker of their own ends",
                  "test_process_pool.test_max_tasks_early_shutdown") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 3, .max_tasks_per_child = 1}));
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 6; ++i) futures.push_back(pool.submit(multiply, i, i));
    pool.shutdown();
    for (int i = 0; i < 6; ++i) CHECK(futures[as_index(i)].result(0s) == i * i);
}

CPYTHON_CASE("a pool whose own thread cannot be started throws at once and leaves nothing",
             "test_process_pool.test_python_finalization_error") {
    const auto construct = [](cf::StartMethod method) {
        const NoMoreThreads shortage;
        const cf::ProcessPoolExecutor pool(Options{.max_workers = 2, .start_method = method});
    };
    CHECK_THROWS_AS(construct(cf::StartMethod::spawn), std::system_error);
#if !CONCURRENT_FUTURES_TSAN
    CHECK_THROWS_AS(construct(cf::StartMethod::fork), std::system_error);
#endif
    CHECK(cf::ProcessPoolExecutor(2).submit(multiply, 6, 7).result() == 42);
}

// ---- terminate_workers(), kill_workers() ----

void end_workers(cf::ProcessPoolExecutor& pool, bool kills) {
    kills ? pool.kill_workers() : pool.terminate_workers();
}

PROCESS_POOL_CASE("terminate_workers() and kill_workers() end a call in the middle",
                  "test_process_pool.test_force_shutdown_workers") {
    for (const bool kills : {false, true}) {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
        support::ProcessLog started;
        support::ProcessGate gate;
        const auto call = pool.submit(stay, started.path(), gate.path(), 1);
        started.wait_for(1);
        REQUIRE(knows_workers(pool, 1));
        end_workers(pool, kills);
        const auto error = error_of<cf::WorkerDiedError>(call);
        CHECK(error.signal() == (kills ? SIGKILL : SIGTERM));
        CHECK(support::eventually([&] { return !exists(error.pid()); }));
    }
}

PROCESS_POOL_CASE("terminate_workers() and kill_workers() are at peace with workers that are dead",
                  "test_process_pool.test_force_shutdown_workers_dead_workers") {
    for (const bool kills : {false, true}) {
        {
            cf::ProcessPoolExecutor pool(
                TestType::with({.max_workers = 1, .on_worker_death = cf::WorkerDeath::break_pool}));
            error_of<cf::WorkerDiedError>(pool.submit(leave_with, 1));
            CHECK_NOTHROW(end_workers(pool, kills));
        }
        cf::ProcessPoolExecutor healing(TestType::with({.max_workers = 1}));
        error_of<cf::WorkerDiedError>(healing.submit(leave_with, 1));
        CHECK_NOTHROW(end_workers(healing, kills));
    }
}

PROCESS_POOL_CASE("terminate_workers() and kill_workers() before the first call only shut down",
                  "test_process_pool.test_force_shutdown_workers_not_started_yet") {
    for (const bool kills : {false, true}) {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
        CHECK_NOTHROW(end_workers(pool, kills));
        CHECK(pool.worker_pids().empty());
        CHECK_NOTHROW(pool.shutdown());
    }
}

PROCESS_POOL_CASE(
    "after terminate_workers() and kill_workers() nothing is taken and no process is left",
    "test_process_pool.test_force_shutdown_workers_stops_pool") {
    for (const bool kills : {false, true}) {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
        const int pid = pool.submit(worker_pid).result();
        end_workers(pool, kills);
        CHECK_THROWS_AS(pool.submit(multiply, 1, 2), cf::ShutdownError);
        pool.shutdown();
        CHECK_FALSE(exists(pid));
    }
}

}  // namespace
}  // namespace cpython
