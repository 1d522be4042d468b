// SPDX-License-Identifier: MIT
//
// CPython's test_concurrent_futures/test_deadlock.py: things that go wrong while a call, its
// arguments or its result cross to a worker or back. There, most of them break the pool for
// everybody. Here the one call fails, and the pool goes on; with on_worker_death = break_pool a
// dead worker breaks it here, too.
#include <signal.h>

#include <cstdlib>
#include <stdexcept>
#include <type_traits>

#include "cpython/translation.hpp"

namespace cpython {
namespace {

enum class Mishap : int { none, error, other_error, exit, crash };

int suffer(Mishap mishap) {
    switch (mishap) {
        case Mishap::none:
            return 0;
        case Mishap::error:
            throw std::runtime_error("a mishap");
        case Mishap::other_error:
            throw 42;
        case Mishap::exit:
            std::exit(9);
        case Mishap::crash:
            ::signal(SIGSEGV, SIG_DFL);  // a sanitizer would report it and exit
            ::raise(SIGSEGV);
    }
    return 0;
}

/// Something happens while it becomes bytes, or while bytes become one of it. The gate decides
/// when.
struct Fragile {
    Mishap when_encoded = Mishap::none;
    Mishap when_decoded = Mishap::none;
    std::string gate{};

    template <class Archive>
    void serialize(Archive& archive) {
        constexpr bool encodes = std::is_same_v<Archive, cf::Encoder>;
        if (encodes) suffer(when_encoded);
        archive(when_encoded, when_decoded, gate);
        if (encodes) return;
        if (!gate.empty()) support::wait_at_gate(gate);
        suffer(when_decoded);
    }
};

int take(const Fragile&) { return 7; }
Fragile give(Mishap when_encoded, Mishap when_decoded) { return {when_encoded, when_decoded}; }
int suffer_at(Mishap mishap, const std::string& gate) {
    support::wait_at_gate(gate);
    return suffer(mishap);
}
Fragile give_at(Mishap when_encoded, const std::string& gate) {
    support::wait_at_gate(gate);
    return {when_encoded, Mishap::none};
}
int crash_with(const std::string& data) { return data.empty() ? 0 : suffer(Mishap::crash); }

bool is_the_mishap(const cf::WorkerDiedError& error, Mishap mishap) {
    return mishap == Mishap::exit ? error.exit_code() == 9 : error.signal() == SIGSEGV;
}

/// The call that `submit(pool, gate)` submits goes wrong with an exception when the gate opens: it
/// alone fails, and no worker is lost.
template <class Method, class Submit>
std::exception_ptr error_of_one_among_many(Submit submit) {
    cf::ProcessPoolExecutor pool(Method::with({.max_workers = 2}));
    std::vector<cf::Future<int>> others;
    for (int i = 0; i < 10; ++i) others.push_back(pool.submit(multiply, i, 2));
    const auto victim = submit(pool);
    for (int i = 10; i < 20; ++i) others.push_back(pool.submit(multiply, i, 2));
    const std::exception_ptr error = victim.exception(support::deadline(30s));
    for (int i = 0; i < 20; ++i) CHECK(others[as_index(i)].result(support::deadline(30s)) == 2 * i);
    CHECK(pool.stats().failed == 1);
    CHECK(pool.stats().worker_restarts == 0);
    return error;
}

/// The call ends its worker: by default it alone fails, all others succeed, and a new worker comes.
template <class Method, class Submit>
void check_that_only_the_victim_fails(Mishap mishap, Submit submit) {
    cf::ProcessPoolExecutor pool(Method::with({.max_workers = 2}));
    support::ProcessGate gate;
    std::vector<cf::Future<int>> others;
    for (int i = 0; i < 10; ++i) others.push_back(pool.submit(multiply, i, 2));
    const auto victim = submit(pool, gate.path());
    for (int i = 10; i < 20; ++i) others.push_back(pool.submit(multiply, i, 2));
    gate.open();
    CHECK(is_the_mishap(error_of<cf::WorkerDiedError>(victim), mishap));
    for (int i = 0; i < 20; ++i) CHECK(others[as_index(i)].result(support::deadline(30s)) == 2 * i);
    CHECK(pool.submit(multiply, 6, 7).result(support::deadline(30s)) == 42);
    CHECK(pool.stats().failed == 1);
    CHECK(pool.stats().worker_restarts == 1);
}

/// The same where the user asked for CPython's rule: all that run or wait fail, and all that come.
template <class Method, class Submit>
void check_that_the_pool_breaks(Mishap mishap, Submit submit) {
    cf::ProcessPoolExecutor pool(
        Method::with({.max_workers = 2, .on_worker_death = cf::WorkerDeath::break_pool}));
    support::ProcessGate gate;
    BusyWorker running(pool);
    const auto victim = submit(pool, gate.path());
    REQUIRE(support::eventually([&] { return victim.running(); }));
    std::vector<cf::Future<int>> waiting;
    for (int i = 0; i < 10; ++i) waiting.push_back(pool.submit(multiply, i, 2));
    gate.open();
    CHECK(is_the_mishap(error_of<cf::WorkerDiedError>(victim), mishap));
    error_of<cf::BrokenProcessPool>(running.call());
    for (const auto& call : waiting) error_of<cf::BrokenProcessPool>(call);
    CHECK_THROWS_AS(pool.submit(multiply, 6, 7), cf::BrokenProcessPool);
}

template <class Method, class Submit>
void check_death(Mishap mishap, Submit submit) {
    check_that_only_the_victim_fails<Method>(mishap, submit);
    check_that_the_pool_breaks<Method>(mishap, submit);
}

std::string text_of(const std::exception_ptr& error) {
    REQUIRE(error);
    return message_of([&] { std::rethrow_exception(error); });
}

// ---- on the way to the worker ----

PROCESS_POOL_CASE("an argument that cannot be encoded throws out of submit() and nothing is queued",
                  "test_deadlock.test_error_at_task_pickle") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    CHECK(message_of([&] { pool.submit(take, Fragile{.when_encoded = Mishap::error}); }) ==
          "a mishap");
    CHECK(pool.stats().pending + pool.stats().running == 0);
    CHECK(pool.submit(take, Fragile{}).result() == 7);
}

PROCESS_POOL_CASE("a worker that exits while it decodes an argument fails that call",
                  "test_deadlock.test_exit_at_task_unpickle") {
    check_death<TestType>(Mishap::exit, [](auto& pool, const std::string& gate) {
        return pool.submit(take, Fragile{.when_decoded = Mishap::exit, .gate = gate});
    });
}

PROCESS_POOL_CASE("an argument that cannot be decoded in the worker fails that call only",
                  "test_deadlock.test_error_at_task_unpickle") {
    CHECK(text_of(error_of_one_among_many<TestType>([](auto& pool) {
              return pool.submit(take, Fragile{.when_decoded = Mishap::error});
          })) == "a mishap");
}

PROCESS_POOL_CASE("a worker that crashes while it decodes an argument fails that call",
                  "test_deadlock.test_crash_at_task_unpickle") {
    check_death<TestType>(Mishap::crash, [](auto& pool, const std::string& gate) {
        return pool.submit(take, Fragile{.when_decoded = Mishap::crash, .gate = gate});
    });
}

// ---- in the call ----

PROCESS_POOL_CASE("a call that crashes its worker fails alone",
                  "test_deadlock.test_crash_during_func_exec_on_worker") {
    check_death<TestType>(Mishap::crash, [](auto& pool, const std::string& gate) {
        return pool.submit(suffer_at, Mishap::crash, gate);
    });
}

PROCESS_POOL_CASE("a call that exits its worker fails alone",
                  "test_deadlock.test_exit_during_func_exec_on_worker") {
    check_death<TestType>(Mishap::exit, [](auto& pool, const std::string& gate) {
        return pool.submit(suffer_at, Mishap::exit, gate);
    });
}

PROCESS_POOL_CASE("a call that throws no std::exception fails as any other",
                  "test_deadlock.test_exit_during_func_exec_on_worker") {
    const auto error = error_of_one_among_many<TestType>(
        [](auto& pool) { return pool.submit(suffer, Mishap::other_error); });
    CHECK(thrown_by<cf::RemoteError>([&] { std::rethrow_exception(error); }).type_name() == "int");
}

PROCESS_POOL_CASE("what a call throws is thrown by its future",
                  "test_deadlock.test_error_during_func_exec_on_worker") {
    CHECK(text_of(error_of_one_among_many<TestType>(
              [](auto& pool) { return pool.submit(suffer, Mishap::error); })) == "a mishap");
}

// ---- on the way back ----

PROCESS_POOL_CASE("a worker that crashes while it encodes a result fails that call",
                  "test_deadlock.test_crash_during_result_pickle_on_worker") {
    check_death<TestType>(Mishap::crash, [](auto& pool, const std::string& gate) {
        return pool.submit(give_at, Mishap::crash, gate);
    });
}

PROCESS_POOL_CASE("a worker that exits while it encodes a result fails that call",
                  "test_deadlock.test_exit_during_result_pickle_on_worker") {
    check_death<TestType>(Mishap::exit, [](auto& pool, const std::string& gate) {
        return pool.submit(give_at, Mishap::exit, gate);
    });
}

PROCESS_POOL_CASE("a result that cannot be encoded fails its call with what its codec threw",
                  "test_deadlock.test_error_during_result_pickle_on_worker") {
    CHECK(text_of(error_of_one_among_many<TestType>([](auto& pool) {
              return pool.submit(give, Mishap::error, Mishap::none);
          })) == "a mishap");
}

PROCESS_POOL_CASE("a result that cannot be decoded here fails its call only",
                  "test_deadlock.test_error_during_result_unpickle_in_result_handler") {
    CHECK(text_of(error_of_one_among_many<TestType>([](auto& pool) {
              return pool.submit(give, Mishap::none, Mishap::error);
          })) == "a mishap");
}

PROCESS_POOL_CASE("a result whose decoding throws no std::exception fails its call only",
                  "test_deadlock.test_exit_during_result_unpickle_in_result_handler") {
    const auto error = error_of_one_among_many<TestType>(
        [](auto& pool) { return pool.submit(give, Mishap::none, Mishap::other_error); });
    REQUIRE(error);
    CHECK_THROWS_AS(std::rethrow_exception(error), int);
}

// ---- with shutdown ----

PROCESS_POOL_CASE("a worker that crashes after shutdown() was called holds nobody up",
                  "test_deadlock.test_shutdown_deadlock") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    support::ProcessGate gate;
    const auto victim = pool.submit(suffer_at, Mishap::crash, gate.path());
    const auto behind = pool.submit(multiply, 6, 7);
    pool.shutdown({.wait = false});
    gate.open();
    pool.shutdown();
    CHECK(error_of<cf::WorkerDiedError>(victim).signal() == SIGSEGV);
    CHECK(behind.result() == 42);
}

PROCESS_POOL_CASE("an argument that cannot be encoded does not hold up shutdown()",
                  "test_deadlock.test_shutdown_deadlock_pickle") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    const auto before = pool.submit(multiply, 6, 7);
    CHECK_THROWS_AS(pool.submit(take, Fragile{.when_encoded = Mishap::error}), std::runtime_error);
    pool.shutdown({.wait = false});
    pool.shutdown_for(support::deadline(30s));  // the manager thread ends
    CHECK(before.result() == 42);
    CHECK(pool.worker_pids().empty());
}

// ---- with full pipes ----

PROCESS_POOL_CASE(
    "workers that crash while more than a pipe holds is on its way to them stop nothing",
    "test_deadlock.test_crash_big_data") {
    const std::vector<std::string> data(10, std::string(4'000'000, 'a'));
    {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
        auto results = pool.map({.chunksize = 1}, crash_with, data);
        int deaths = 0;
        for (auto it = results.begin(); it != results.end(); ++it, ++deaths)
            CHECK_THROWS_AS(*it, cf::WorkerDiedError);
        CHECK(deaths == 10);
        CHECK(pool.submit(multiply, 6, 7).result(support::deadline(30s)) == 42);
    }
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 2, .on_worker_death = cf::WorkerDeath::break_pool}));
    BusyWorker first(pool), second(pool);  // so that all are queued before one crashes
    auto results = pool.map({.chunksize = 1}, crash_with, data);
    first.open();
    int broken = 0;
    int died = 0;
    for (auto it = results.begin(); it != results.end(); ++it) {
        try {
            *it;
        } catch (const cf::WorkerDiedError&) {
            ++died;
        } catch (const cf::BrokenProcessPool&) {
            ++broken;
        }
    }
    CHECK(died == 1);
    CHECK(broken == 9);
}

PROCESS_POOL_CASE("any number of calls can be submitted while the pool's own thread is held up",
                  "test_deadlock.test_gh105829_should_not_deadlock_if_wakeup_pipe_full") {
    constexpr std::size_t count = support::sanitized ? 20'000 : 200'000;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    support::Gate held("the callback runs"), may_go_on("the callback may end");
    pool.submit(multiply, 1, 1).add_done_callback([&](const cf::Future<int>&) {
        held.open();
        may_go_on.wait();
    });
    held.wait();
    std::vector<cf::Future<int>> futures;
    for (std::size_t i = 0; i < count; ++i) futures.push_back(pool.submit(multiply, 1, 2));
    // All are heard of; that most need not run only makes the test short.
    for (std::size_t i = 0; i < count; ++i)
        if (i % 100 != 0) CHECK(futures[i].cancel());
    may_go_on.open();
    for (std::size_t i = 0; i < count; i += 100) CHECK(futures[i].result() == 2);
}

}  // namespace
}  // namespace cpython
