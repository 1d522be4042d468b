// SPDX-License-Identifier: MIT
//
// CPython's test_concurrent_futures/test_interpreter_pool.py, as far as it is not about
// interpreters: a worker that shares nothing with its pool is a process here, and the event loop is
// a coroutine.
#include <atomic>
#include <stdexcept>
#include <thread>

#include "cpython/translation.hpp"
#include "support/leak_listener.hpp"

namespace cpython {
namespace {

void refuse(const std::string& reason) { throw std::runtime_error(reason); }

int initialized_value = 0;
void initialize(int value) { initialized_value = value; }
int value_here() { return initialized_value; }

struct Uninvited : std::exception {
    const char* what() const noexcept override { return "spam"; }
};
int throw_uninvited() { throw Uninvited(); }

/// Its bytes can be made, and not read.
struct OneWay {
    template <class Archive>
    void serialize(Archive& archive) {
        int nothing = 0;
        archive(nothing);
        if (std::is_same_v<Archive, cf::Decoder>) throw std::runtime_error("cannot be read");
    }
};
int take_one_way(const OneWay&) { return 1; }
OneWay give_one_way() { return {}; }

// ---- initializer ----

PROCESS_POOL_CASE(
    "the initializer has run when the first call starts, and not in the pool's process",
    "test_interpreter_pool.test_init_func") {
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 1, .initializer = cf::bind_task(initialize, 42)}));
    CHECK(pool.submit(value_here).result() == 42);
    CHECK(initialized_value == 0);
}

PROCESS_POOL_CASE("what the initializer threw is what the broken pool says",
                  "test_interpreter_pool.test_init_exception_in_func") {
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 1, .initializer = cf::bind_task(refuse, "spam")}));
    CHECK_THAT(error_of<cf::BrokenProcessPool>(pool.submit(value_here)).what(),
               ContainsSubstring("the initializer threw") && ContainsSubstring("spam"));
}

// ---- what crosses ----

/// A closure is refused by the compiler (compile_fail/process_capturing_lambda.cpp); its captures
/// as arguments, or a functor of members that cross, are what to write instead.
struct Adder {
    int captured;
    int operator()(int n) const { return captured + n; }
};

PROCESS_POOL_CASE("instead of a closure a functor crosses, with what it would have captured",
                  "test_interpreter_pool.test_submit_closure") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    CHECK(pool.submit(Adder{40}, 2).result() == 42);
    CHECK(pool.submit([](int captured, int n) { return captured + n; }, 40, 2).result() == 42);
    CHECK(cf::Serializable<Adder>);
    const auto closure = [n = 1] { return n; };
    CHECK_FALSE(cf::Serializable<decltype(closure)>);
}

PROCESS_POOL_CASE("an exception that only the worker knows comes with its type and words",
                  "test_interpreter_pool.test_submit_exception_in_func") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto call = pool.submit(throw_uninvited);
    const auto error = error_of<cf::RemoteError>(call);
    CHECK_THAT(error.type_name(), ContainsSubstring("Uninvited"));
    CHECK(error.message() == "spam");
}

PROCESS_POOL_CASE("bytes that can be made and not read are an error and no endless wait",
                  "test_interpreter_pool.test_pickle_errors_propagate") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    CHECK(std::string(error_of<std::runtime_error>(pool.submit(take_one_way, OneWay())).what()) ==
          "cannot be read");
    CHECK(std::string(error_of<std::runtime_error>(pool.submit(give_one_way)).what()) ==
          "cannot be read");
    CHECK(pool.submit(multiply, 6, 7).result() == 42);
}

// ---- workers ----

EXECUTOR_CASE("however many calls wait there are no more workers than asked for",
              "test_interpreter_pool.test_saturation") {
    TestType pool(4);
    support::ProcessLog started;
    support::ProcessGate gate;
    for (int i = 0; i < 60; ++i) pool.submit(stay, started.path(), gate.path(), i);
    started.wait_for(4);
    CHECK(pool.stats().workers == 4);
    CHECK(pool.stats().running == 4);
    gate.open();
}

EXECUTOR_CASE("an idle worker is used again", "test_interpreter_pool.test_idle_thread_reuse") {
    TestType pool(4);
    for (int i = 0; i < 3; ++i) {
        CHECK(pool.submit(multiply, i, 2).result() == 2 * i);
        REQUIRE(support::eventually([&] { return pool.stats().idle == pool.stats().workers; }));
    }
    CHECK(pool.stats().workers == 1);
}

/// As many calls as workers, each of which needs all others to run at the same time.
template <class Pool>
void check_that_all_run_at_once(Pool& pool, std::size_t calls) {
    support::ProcessLog arrived;
    support::ProcessGate gate;
    std::vector<cf::Future<int>> futures;
    for (std::size_t i = 0; i < calls; ++i)
        futures.push_back(pool.submit(stay, arrived.path(), gate.path(), static_cast<int>(i)));
    arrived.wait_for(calls);  // none is lost, none waits behind another
    gate.open();
    for (std::size_t i = 0; i < calls; ++i) CHECK(futures[i].result() == static_cast<int>(i));
}

EXECUTOR_CASE("ten calls that block each get a worker", "test_interpreter_pool.test_blocking") {
    for (int round = 0; round < 5; ++round) {
        TestType pool(10);
        check_that_all_run_at_once(pool, 10);
        CHECK(pool.stats().workers == 10);
    }
}

EXECUTOR_CASE("ten calls on four workers: four block, the others come after them",
              "test_interpreter_pool.test_blocking_with_limited_workers") {
    TestType pool(4);
    support::ProcessLog arrived;
    support::ProcessGate gate;
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 10; ++i)
        futures.push_back(pool.submit(stay, arrived.path(), gate.path(), i));
    arrived.wait_for(4);
    CHECK(arrived.lines().size() == 4);
    gate.open();
    for (int i = 0; i < 10; ++i) CHECK(futures[as_index(i)].result() == i);
    CHECK(pool.stats().workers == 4);
}

// ---- names of threads ----

std::set<std::string> names_of_threads() {
    std::set<std::string> names;
    for (const auto& [id, name] : support::ProcessResources::now().threads) names.insert(name);
    return names;
}

bool there_is_a_thread_called(const std::string& prefix) {
    return support::eventually([&] {
        for (const std::string& name : names_of_threads())
            if (name.starts_with(prefix)) return true;
        return false;
    });
}

CPYTHON_CASE("without a prefix threads are called after their pool's number",
             "test_interpreter_pool.test_thread_name_prefix") {
    cf::ThreadPoolExecutor pool(1);
    pool.submit(multiply, 1, 1).wait();
    CHECK(there_is_a_thread_called("pool"));
}

CPYTHON_CASE("a thread asks the system for its name and gets prefix and number",
             "test_interpreter_pool.test_thread_name_prefix_with_thread_get_name") {
    cf::ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "prefix"});
    CHECK(pool.submit([] {
                  char name[16] = {};
                  ::pthread_getname_np(::pthread_self(), name, sizeof name);
                  return std::string(name);
              })
              .result() == "prefix_0");
}

// ---- from an event loop ----

template <class Pool>
cf::Future<int> run_in_executor(Pool& pool, int n) {
    const int doubled = co_await pool.submit(multiply, n, 2);
    co_return doubled + 1;
}

EXECUTOR_CASE("a coroutine awaits a call of a pool and blocks no thread",
              "test_interpreter_pool.AsyncioTest.test_run_in_executor") {
    TestType pool(1);
    CHECK(run_in_executor(pool, 20).result() == 41);
}

template <class Pool>
cf::Future<int> wait_for_gate(Pool& pool, std::string gate, std::atomic<int>& gone_on) {
    const int result = co_await pool.submit(stay_at, gate, 7);
    ++gone_on;
    co_return result;
}

EXECUTOR_CASE("a coroutine that was cancelled from outside does not fulfil its future later",
              "test_interpreter_pool.AsyncioTest.test_run_in_executor_cancel") {
    BusyPool<TestType> busy;
    std::atomic<int> gone_on{0};
    const auto call = busy.pool.submit(multiply, 1, 2);
    const auto waits = [](cf::Future<int> awaited, std::atomic<int>& count) -> cf::Future<int> {
        const int result = co_await awaited;
        ++count;
        co_return result;
    };
    const auto bridge = waits(call, gone_on);
    CHECK_FALSE(bridge.done());
    REQUIRE(call.cancel());
    CHECK(bridge.cancelled());  // the cancellation went through the coroutine
    support::ProcessGate gate;
    const auto other = wait_for_gate(busy.pool, gate.path(), gone_on);
    busy.open();
    gate.open();
    CHECK(other.result() == 7);
    busy.pool.shutdown();
    CHECK(gone_on == 1);
    CHECK_THROWS_AS(bridge.result(), cf::CancelledError);
}

}  // namespace
}  // namespace cpython
