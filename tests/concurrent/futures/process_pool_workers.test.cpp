// SPDX-License-Identifier: MIT
//
// The lives of workers: how many there are, what runs first and last in them, when they are
// replaced, and what can still be cancelled after it was sent to them.
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/this_worker.hpp>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "concurrent/futures/process_pool.hpp"

namespace process_pools {
namespace {

std::set<std::string> distinct(const std::vector<std::string>& lines) {
    return {lines.begin(), lines.end()};
}

int worker_number() { return static_cast<int>(cf::this_worker::index().value_or(99)); }
void throw_no_licence() { throw std::runtime_error("no licence"); }
int die() {
    ::raise(SIGKILL);
    return 0;
}

// ---- how many ----

PROCESS_CASE("a pool without work has no workers") {
    const cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 3}));
    CHECK(pool.worker_pids().empty());
    CHECK(pool.stats().workers == 0);
}

PROCESS_CASE("calls that come one after the other share one process") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 3}));
    const int pid = pool.submit(worker_pid).result();
    for (int i = 0; i < 20; ++i) CHECK(pool.submit(worker_pid).result() == pid);
    CHECK(support::eventually([&] { return pool.worker_pids() == std::vector{pid}; }));
}

PROCESS_CASE("fifteen times as many calls as workers start exactly so many processes") {
    support::ProcessLog log;
    support::ProcessGate gate;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 3}));
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 45; ++i) futures.push_back(pool.submit(stay, log.path(), gate.path()));
    log.wait_for(3);
    CHECK(distinct(log.lines()).size() == 3);
    CHECK(support::eventually([&] { return pool.worker_pids().size() == 3; }));
    CHECK(pool.stats().running == 3);
    CHECK(pool.stats().pending == 42);
    CHECK(pool.stats().idle == 0);
    gate.open();
    for (const auto& future : futures) future.result();
    CHECK(log.lines().size() == 45);
    CHECK(distinct(log.lines()).size() == 3);
    const auto now = pool.stats();
    CHECK(now.completed == 45);
    CHECK(now.workers == 3);
    CHECK(now.worker_restarts == 0);
    CHECK(support::eventually([&] { return pool.stats().idle == 3; }));
}

PROCESS_CASE("short calls behind a long one are run by the worker that has nothing to do") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    BusyWorker busy(pool);
    std::vector<cf::Future<int>> shorts;
    for (int i = 0; i < 10; ++i) shorts.push_back(pool.submit(record, log.path(), i));
    for (const auto& future : shorts) future.result(support::deadline(30s));
    CHECK(!busy.call().done());
    CHECK(recorded(log) == numbers_below(10));
    busy.open();
}

PROCESS_CASE("calls that were sent behind a call that lasts are taken back by an idle worker") {
    support::ProcessLog log;
    support::ProcessLog started;
    support::ProcessGate first_gate;
    support::ProcessGate second_gate;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    // Two that last, so that both workers are given calls ahead; then one of the two ends.
    const auto first = pool.submit(stay, started.path(), first_gate.path());
    const auto second = pool.submit(stay, started.path(), second_gate.path());
    started.wait_for(2);
    std::vector<cf::Future<int>> shorts;
    for (int i = 0; i < 50; ++i) shorts.push_back(pool.submit(record, log.path(), i));
    second_gate.open();
    for (const auto& future : shorts) future.result(support::deadline(30s));
    CHECK(recorded(log) == numbers_below(50));
    CHECK(!first.done());
    first_gate.open();
}

// ---- running(), cancel() ----

PROCESS_CASE("a call that is sent but not started is not running and can be cancelled") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    BusyWorker busy(pool);
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 60; ++i) futures.push_back(pool.submit(record, log.path(), i));
    CHECK(support::eventually([&] { return pool.stats().pending == 60; }));
    CHECK(busy.call().running());
    CHECK(!busy.call().cancel());
    std::atomic<int> heard{0};
    for (std::size_t i = 0; i < 60; ++i) {
        CHECK(!futures[i].running());
        if (i % 3 == 0) continue;
        futures[i].add_done_callback([&](const cf::Future<int>& future) { heard += future.cancelled(); });
        CHECK(futures[i].cancel());
        CHECK(futures[i].cancel());
        CHECK(futures[i].cancelled());
        CHECK_THROWS_AS(futures[i].result(), cf::CancelledError);
    }
    CHECK(heard == 40);
    CHECK(pool.stats().pending == 20);
    CHECK(pool.stats().cancelled == 40);
    busy.open();
    std::vector<int> wanted;
    for (int i = 0; i < 60; i += 3) {
        wanted.push_back(i);
        CHECK(futures[static_cast<std::size_t>(i)].result() == i);
    }
    CHECK(pool.submit(square, 3).result() == 9);
    CHECK(recorded(log) == wanted);
}

PROCESS_CASE("cancel() and a start at the same moment: exactly one of them wins") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    constexpr int count = support::sanitized ? 300 : 1500;
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < count; ++i) futures.push_back(pool.submit(record, log.path(), i));
    std::vector<int> ran;
    for (std::size_t i = futures.size(); i-- > 0;)
        if (!futures[i].cancel()) ran.push_back(static_cast<int>(i));
    for (const int i : ran) CHECK(futures[static_cast<std::size_t>(i)].result() == i);
    pool.shutdown();
    std::sort(ran.begin(), ran.end());
    CHECK(recorded(log) == ran);
    CHECK(pool.stats().cancelled == futures.size() - ran.size());
    CHECK(pool.stats().completed == ran.size());
}

// ---- initializer, worker_exit ----

void note_start(const std::string& log, std::string_view word) {
    support::append_line(log, std::string(word) + " " + std::to_string(::getpid()));
}
void fail_to_start(const std::string& why) { throw std::runtime_error(why); }
void count_and_throw(const std::string& counter) {
    support::count_event(counter);
    throw std::runtime_error("counted");
}
void leave_with(int code) { ::_exit(code); }
void crash() { ::kill(::getpid(), SIGKILL); }

void hold_first_worker(const std::string& gate) {
    if (worker_number() == 0) support::wait_at_gate(gate);
}
void stay_in_initializer(const std::string& log, const std::string& gate) {
    support::append_line(log, "here");
    support::wait_at_gate(gate);
}

PROCESS_CASE("the initializer runs once in every worker, before its calls; worker_exit after them") {
    support::ProcessLog log;
    {
        cf::ProcessPoolExecutor pool(
            TestType::with({.max_workers = 2,
                            .initializer = cf::bind_task(note_start, log.path(), "start"),
                            .worker_exit = cf::bind_task(note_start, log.path(), "end")}));
        BusyWorker one(pool);
        BusyWorker two(pool);
        std::vector<cf::Future<void>> calls;
        for (int i = 0; i < 20; ++i) calls.push_back(pool.submit(note_start, log.path(), "call"));
        one.open();
        two.open();
        for (const auto& call : calls) call.result();
    }
    const std::vector<std::string> lines = log.lines();
    CHECK(lines.size() == 24);
    std::set<std::string> started;
    std::set<std::string> ended;
    for (const std::string& line : lines) {
        const std::string pid = line.substr(line.find(' ') + 1);
        if (line.starts_with("start")) CHECK(started.insert(pid).second);
        if (line.starts_with("call")) CHECK((started.contains(pid) && !ended.contains(pid)));
        if (line.starts_with("end")) CHECK((started.contains(pid) && ended.insert(pid).second));
    }
    CHECK(started.size() == 2);
    CHECK(ended.size() == 2);
}

std::size_t prepared = 0;
void prepare_large(const std::vector<double>& values) { prepared = values.size(); }

PROCESS_CASE("a call that was given to a worker which still starts is run by one that is ready") {
    support::ProcessLog log;
    support::ProcessGate gate;
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 2, .initializer = cf::bind_task(hold_first_worker, gate.path())}));
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 20; ++i) futures.push_back(pool.submit(record, log.path(), i));
    for (const auto& future : futures) future.result(support::deadline(30s));
    CHECK(recorded(log) == numbers_below(20));
    gate.open();
}

PROCESS_CASE("a call that was given to a worker which still starts is not running and can be cancelled") {
    support::ProcessLog log;
    support::ProcessLog initializing;
    support::ProcessGate gate;
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 1, .initializer = cf::bind_task(stay_in_initializer, initializing.path(), gate.path())}));
    auto first = pool.submit(record, log.path(), 0);
    initializing.wait_for(1);
    CHECK(!first.running());
    CHECK((pool.stats().running == 0 && pool.stats().pending == 1));
    CHECK(first.cancel());
    auto second = pool.submit(record, log.path(), 1);
    gate.open();
    CHECK(second.result(support::deadline(30s)) == 1);
    CHECK(log.lines().size() == 1);
}

PROCESS_CASE("an initializer may have an argument that no pipe can hold") {
    constexpr std::size_t many = 1 << 20;
    cf::ProcessPoolExecutor pool(TestType::with(
        {.max_workers = 2, .initializer = cf::bind_task(prepare_large, std::vector<double>(many, 0.5))}));
    for (const std::size_t size : pool.map([](int) { return prepared; }, numbers_below(4))) CHECK(size == many);
}

PROCESS_CASE("an initializer that throws breaks the pool, and its words arrive") {
    support::ProcessCounter ran;
    support::ProcessCounter counted;
    for (const bool counts : {false, true}) {
        cf::ProcessPoolExecutor pool(TestType::with(
            {.max_workers = 2,
             .initializer = counts ? cf::bind_task(count_and_throw, counted.path())
                                   : cf::bind_task(fail_to_start, "no model found")}));
        std::vector<cf::Future<void>> queued;
        for (int i = 0; i < 20; ++i) {
            try {
                queued.push_back(pool.submit(support::count_event, ran.path()));
            } catch (const cf::BrokenProcessPool&) {
                break;  // it broke meanwhile
            }
        }
        const std::string words = counts ? "counted" : "no model found";
        REQUIRE(!queued.empty());
        for (const auto& call : queued)
            CHECK_THAT(error_of<cf::BrokenProcessPool>(call).what(), ContainsSubstring(words));
        CHECK_THAT(thrown_by<cf::BrokenProcessPool>([&] { pool.submit(square, 1); }).what(),
                   ContainsSubstring(words));
        CHECK_THROWS_AS(pool.post(square, 1), cf::BrokenProcessPool);
    }
    CHECK(ran.value() == 0);
    CHECK(counted.value() <= 2);
}

void fail_to_start_oddly() { throw 42; }

PROCESS_CASE("an initializer may throw what is no std::exception") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .initializer = cf::bind_task(fail_to_start_oddly)}));
    CHECK_THAT(thrown_by<cf::BrokenProcessPool>([&] { pool.start_workers(); }).what(), ContainsSubstring("the initializer threw in a worker: int"));
}

PROCESS_CASE("an initializer that ends the process breaks the pool after some attempts") {
    for (const bool crashes : {false, true}) {
        cf::ProcessPoolExecutor pool(TestType::with(
            {.max_workers = 2,
             .initializer = crashes ? cf::bind_task(crash) : cf::bind_task(leave_with, 5)}));
        const auto call = pool.submit(square, 2);
        const std::string words = crashes ? "was killed by signal 9" : "ended with exit code 5";
        const auto error = error_of<cf::BrokenProcessPool>(call);
        CHECK_THAT(error.what(), ContainsSubstring(words) && ContainsSubstring("before it was ready"));
        CHECK_THAT(thrown_by<cf::BrokenProcessPool>([&] { pool.submit(square, 1); }).what(),
                   ContainsSubstring(words));
        pool.shutdown();
        CHECK(pool.worker_pids().empty());
    }
}

PROCESS_CASE("a worker_exit that throws or ends the process harms nobody") {
    support::ProcessCounter ended;
    for (const bool throws : {true, false}) {
        cf::ProcessPoolExecutor pool(TestType::with(
            {.max_workers = 1,
             .worker_exit = throws ? cf::bind_task(count_and_throw, ended.path())
                                   : cf::bind_task(leave_with, 9)}));
        CHECK(pool.submit(square, 2).result() == 4);
        pool.shutdown();
    }
    CHECK(ended.value() == 1);
}

// ---- hooks that take too long ----

void hang_at_first(const std::string& counter, std::size_t times) {
    support::append_line(counter, std::to_string(::getpid()));
    std::ifstream file(counter);
    std::size_t count = 0;
    for (std::string line; std::getline(file, line);) ++count;
    while (count <= times) ::pause();
}
void ignore_sigterm_and_hang(const std::string& counter) {
    ::signal(SIGTERM, SIG_IGN);
    hang_at_first(counter, 1000);
}

PROCESS_CASE("an initializer that hangs is ended at task_timeout; three in a row break the pool") {
    for (const bool ignores_sigterm : {false, true}) {
        support::ProcessLog started;  // of those that came so far before their time was up
        cf::ProcessPoolExecutor pool(TestType::with(
            {.max_workers = 1,
             .initializer = ignores_sigterm
                                ? cf::bind_task(ignore_sigterm_and_hang, started.path())
                                : cf::bind_task(hang_at_first, started.path(), std::size_t{1000}),
             .task_timeout = 300ms,
             .stop_grace = ignores_sigterm ? 20ms : support::deadline(30s)}));
        const auto call = pool.submit(square, 2);
        const auto behind = pool.submit({.timeout = 1h}, square, 3);
        const std::string text = error_of<cf::BrokenProcessPool>(call).what();
        CHECK_THAT(text, ContainsSubstring("3 workers in a row died before they were ready") &&
                             ContainsSubstring("(its initializer ran longer than task_timeout, 0.300 s)"));
        error_of<cf::BrokenProcessPool>(behind);
        pool.shutdown();
        const std::vector<std::string> lines = started.lines();
        CHECK(lines.size() <= 4);  // a fourth may have been on its way
        // The last one ignored SIGTERM, unless it was ended before it came so far.
        const bool came_so_far = std::any_of(lines.begin(), lines.end(), [&](const std::string& pid) {
            return text.find("worker process " + pid + " ") != std::string::npos;
        });
        if (came_so_far || !ignores_sigterm)
            CHECK_THAT(text, ContainsSubstring(ignores_sigterm ? "signal 9" : "signal 15"));
    }
}

PROCESS_CASE("a worker whose initializer hangs is replaced by one whose initializer returns") {
    // Three in a row would break the pool. One hangs, so that one more may be slow on a busy machine.
    support::ProcessCounter started;
    cf::ProcessPoolExecutor pool(TestType::with(
        {.max_workers = 1,
         .initializer = cf::bind_task(hang_at_first, started.path(), std::size_t{1}),
         .task_timeout = support::deadline(1500ms)}));
    CHECK(pool.submit({.timeout = 1h}, square, 2).result(support::deadline(50s)) == 4);
    CHECK(started.value() >= 2);
    CHECK(pool.stats().worker_restarts >= 1);
    CHECK(pool.stats().failed == 0);
}

PROCESS_CASE("a pool whose initializer hangs can be shut down with a limit, and ended") {
    // With a task_timeout by itself, without one by kill_workers().
    support::ProcessCounter started;
    cf::Future<int> call;
    {
        cf::ProcessPoolExecutor pool(TestType::with(
            {.max_workers = 1,
             .initializer = cf::bind_task(hang_at_first, started.path(), std::size_t{1000}),
             .task_timeout = 50ms}));
        call = pool.submit(square, 2);
    }
    error_of<cf::BrokenProcessPool>(call);
    support::ProcessCounter again;
    cf::ProcessPoolExecutor pool(TestType::with(
        {.max_workers = 1,
         .initializer = cf::bind_task(hang_at_first, again.path(), std::size_t{1000})}));
    call = pool.submit(square, 2);
    again.wait_for(1);
    CHECK_THROWS_AS(pool.shutdown_for(20ms), cf::TimeoutError);
    pool.kill_workers();
    pool.shutdown();
    CHECK(call.cancelled());
    CHECK(again.value() == 1);
}

constexpr const char* hang_variable = "CONCURRENT_FUTURES_TEST_HANGS_BEFORE_MAIN";

/// Its constructor hangs in workers that are told to.
const struct HangsBeforeMain {
    HangsBeforeMain() {
        while (cf::detail::has_worker_order() && std::getenv(hang_variable)) ::pause();
    }
} hangs_before_main;

/// What becomes of a call to a pool in which nothing starts within so short a time.
template <class Prepare>
std::string end_of_call_that_cannot_start(bool spawn, Prepare prepare) {
    cf::detail::ProcessSettings settings{.spawn = spawn, .task_timeout = 10ms};
    settings.start_limit = 100ms;
    const auto manager = std::make_shared<cf::detail::ProcessManager>(std::move(settings));
    prepare();
    manager->start(manager);
    const auto call = cf::detail::ProcessSubmitter(manager).submit(square, 2);
    std::string words = error_of<cf::BrokenProcessPool>(call).what();
    CHECK_THROWS_AS(cf::detail::ProcessSubmitter(manager).submit(square, 2), cf::BrokenProcessPool);
    manager->begin_shutdown(false);
    manager->join(cf::detail::Deadline::never());
    return words;
}

TEST_CASE("a worker that hangs before process_main() is ended after a while; three in a row break the pool",
          "[process_pool]") {
    ::setenv(hang_variable, "1", 1);
    const std::string words = end_of_call_that_cannot_start(true, [] {});
    ::unsetenv(hang_variable);
    CHECK_THAT(words, ContainsSubstring("3 workers in a row died before they were ready") &&
                          ContainsSubstring("it had not come to process_main() after 0.100 s") &&
                          ContainsSubstring("static object"));
}

#if !CONCURRENT_FUTURES_TSAN
bool template_hangs = false;
TEST_CASE("a template process that hangs in fork() breaks the pool after a while", "[process_pool]") {
    static const pid_t program = ::getpid();
    REQUIRE(::pthread_atfork(
                [] {
                    while (template_hangs && ::getpid() != program) ::pause();
                },
                nullptr, nullptr) == 0);
    template_hangs = true;  // the template is forked with it
    const std::string words = end_of_call_that_cannot_start(false, [] { template_hangs = false; });
    template_hangs = false;
    CHECK_THAT(words, ContainsSubstring("the template process, which forks the workers, has not answered "
                                        "for 0.100 s") &&
                          ContainsSubstring("pthread_atfork()"));
}
#endif

PROCESS_CASE("a worker_exit that hangs is ended at task_timeout, and that is reported") {
    support::ProcessCounter ended;
    std::atomic<int> reports{0};
    std::string words;
    {
        cf::ProcessPoolExecutor pool(TestType::with(
            {.max_workers = 1,
             .worker_exit = cf::bind_task(hang_at_first, ended.path(), std::size_t{1000}),
             .task_timeout = 300ms,
             .on_unhandled_exception = [&](const std::exception_ptr& error) {
                 words = thrown_by<cf::TaskTimeoutError>([&] { std::rethrow_exception(error); }).what();
                 ++reports;
             }}));
        CHECK(pool.submit({.timeout = 1h}, square, 2).result() == 4);
    }
    CHECK(ended.value() <= 1);  // it may have been ended before it could count
    CHECK(reports == 1);
    CHECK_THAT(words, ContainsSubstring("worker_exit ran longer than task_timeout, 0.300 s, in worker "
                                        "process "));
}

// ---- replacement ----

PROCESS_CASE("max_tasks_per_child = 1 gives every call a process of its own") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .max_tasks_per_child = 1}));
    std::set<int> pids;
    for (int i = 0; i < 5; ++i) pids.insert(pool.submit(worker_pid).result());
    CHECK(pids.size() == 5);
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 5; ++i) futures.push_back(pool.submit(worker_pid));
    for (const auto& future : futures) pids.insert(future.result());
    CHECK(pids.size() == 10);
    CHECK(pool.stats().failed == 0);
}

PROCESS_CASE("max_tasks_per_child = 3 replaces a worker after three calls") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .max_tasks_per_child = 3}));
    std::vector<int> pids;
    for (int i = 0; i < 4; ++i) pids.push_back(pool.submit(worker_pid).result());
    CHECK(pids[0] == pids[1]);
    CHECK(pids[1] == pids[2]);
    CHECK(pids[2] != pids[3]);
    // The same with calls that are sent ahead, and with some of them cancelled.
    support::ProcessLog log;
    BusyWorker busy(pool);  // the second call of this worker
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 12; ++i) futures.push_back(pool.submit(record_pid, log.path()));
    for (std::size_t i = 0; i < 12; i += 2) CHECK(futures[i].cancel());
    busy.open();
    for (std::size_t i = 1; i < 12; i += 2) futures[i].result(support::deadline(30s));
    CHECK(log.lines().size() == 6);
    for (const std::string& pid : distinct(log.lines())) {
        const auto lines = log.lines();
        CHECK(std::count(lines.begin(), lines.end(), pid) <= 3);
    }
}

PROCESS_CASE("hundreds of replacements lose no call and leave nothing behind") {
    constexpr int count = support::sanitized ? 60 : 300;
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2, .max_tasks_per_child = 1}));
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < count; ++i) futures.push_back(pool.submit(record, log.path(), i));
    for (int i = 0; i < count; ++i) CHECK(futures[static_cast<std::size_t>(i)].result() == i);
    CHECK(recorded(log) == numbers_below(count));
    CHECK(support::eventually([&] { return pool.worker_pids().size() <= 2; }));  // others may still be leaving
}

PROCESS_CASE("workers are replaced while the pool shuts down, too") {
    support::ProcessLog log;
    for (const std::size_t per_child : {1U, 2U, 3U}) {
        cf::ProcessPoolExecutor pool(
            TestType::with({.max_workers = 2, .max_tasks_per_child = per_child}));
        for (int i = 0; i < 10; ++i) pool.post(record, log.path(), i);
        pool.shutdown();
        CHECK(pool.stats().completed == 10);
    }
    CHECK(log.lines().size() == 30);
}

PROCESS_CASE("idle workers end after idle_timeout, and work starts new ones") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2, .idle_timeout = 20ms}));
    for (int i = 0; i < 3; ++i) {
        const int pid = pool.submit(worker_pid).result();
        CHECK(support::eventually([&] { return pool.stats().workers == 0; }));
        CHECK(pool.worker_pids().empty());  // both count those that have not exited
        CHECK(support::eventually([&] { return ::kill(pid, 0) != 0; }));
    }
    // A worker with something to do stays.
    BusyWorker busy(pool);
    CHECK(pool.submit(square, 2).result() == 4);
    CHECK(support::eventually([&] { return pool.stats().workers == 1; }));
    CHECK(support::eventually([&] { return pool.worker_pids() == std::vector{busy.pid()}; }));
    busy.open();
    CHECK(busy.call().result() == busy.pid());
    CHECK(pool.stats().worker_restarts == 0);
}

// ---- the floating-point environment: process_pool_executor.hpp says so under "Limits" ----

int rounding_mode() { return std::fegetround(); }
int round_downward() { return std::fesetround(FE_DOWNWARD); }

PROCESS_CASE("a forked worker rounds as the maker of the pool did, a spawned one to nearest, until a task changes it") {
    const int before = std::fegetround();
    REQUIRE(std::fesetround(FE_UPWARD) == 0);
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .max_tasks_per_child = 3}));
    REQUIRE(std::fesetround(before) == 0);
    const int at_first = TestType::method == cf::StartMethod::fork ? FE_UPWARD : FE_TONEAREST;
    for (int worker = 0; worker < 2; ++worker) {
        CHECK(pool.submit(rounding_mode).result() == at_first);
        CHECK(pool.submit(round_downward).result() == 0);
        CHECK(pool.submit(rounding_mode).result() == FE_DOWNWARD);
    }
    CHECK(std::fegetround() == before);
}

PROCESS_CASE("idle_timeout leaves base_workers alone, and the pool sleeps") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 3, .idle_timeout = 20ms, .base_workers = 1}));
    pool.start_workers();
    REQUIRE(support::eventually([&] { return pool.stats().workers == 1 && pool.worker_pids().size() == 1; }));
    const std::vector<int> left = pool.worker_pids();
    CHECK(pool.submit(worker_pid).result() == left.at(0));
    CHECK_THROWS_AS(cf::ProcessPoolExecutor(TestType::with({.max_workers = 2, .base_workers = 3})), std::invalid_argument);
}

PROCESS_CASE("start_workers() tells what the initializer threw, and the pool is broken") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2, .initializer = cf::bind_task(throw_no_licence)}));
    std::string text;
    try {
        pool.start_workers();
    } catch (const cf::BrokenProcessPool& error) {
        text = error.what();
    }
    CHECK(text.find("no licence") != std::string::npos);
    CHECK(pool.is_broken());
}

PROCESS_CASE("a worker that takes the place of a dead one gets its number") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    pool.start_workers();
    for (int i = 0; i < 3; ++i) {
        CHECK_THROWS_AS(pool.submit(die).result(), cf::WorkerDiedError);
        CHECK(pool.submit(worker_number).result() < 2);
    }
}

PROCESS_CASE("a task whose worker dies while the pool is paused is tried again after resume()") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .on_worker_death = cf::WorkerDeath::retry_task}));
    BusyWorker busy(pool);
    pool.pause();
    ::kill(busy.pid(), SIGKILL);
    REQUIRE(support::eventually([&] { return pool.stats().worker_restarts == 1; }));
    CHECK(busy.call().wait_for(20ms) == std::future_status::timeout);
    busy.open();
    pool.resume();
    CHECK(busy.call().result() != busy.pid());
}

}  // namespace
}  // namespace process_pools
