// SPDX-License-Identifier: MIT
//
// Calls that run too long, do not stop, fail and are tried again, or want too much memory.
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/worker_limits.hpp>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <new>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "concurrent/futures/process_pool.hpp"
#include "support/deep_callbacks.hpp"

namespace process_pools {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

// ---- calls ----

[[noreturn]] int run_for_ever(const std::string& log) {
    support::append_line(log, std::to_string(::getpid()));
    for (volatile unsigned spins = 0;;) spins = spins + 1;
}
/// In calls of their own, so that the timeout of the next call cannot come before.
int ignore_sigterm() {
    ::signal(SIGTERM, SIG_IGN);
    return ::getpid();
}
volatile std::sig_atomic_t sigterm_came = 0;
int note_sigterm() {
    ::signal(SIGTERM, [](int) { sigterm_came = 1; });
    return ::getpid();
}
/// Ends by itself when SIGTERM comes.
int return_at_sigterm() {
    while (!sigterm_came) ::usleep(100);  // workload
    return 5;
}
int stop_self(const std::string& log) {
    support::append_line(log, std::to_string(::getpid()));
    ::raise(SIGSTOP);
    return 0;
}
/// Gives the argument back when it is asked to stop.
int until_stopped(const std::stop_token& token, const std::string& log, int result) {
    support::append_line(log, std::to_string(::getpid()));
    support::Gate asked("asked to stop");
    const std::stop_callback callback(token, [&] { asked.open(); });
    asked.wait(support::deadline(60s));
    return result;
}
int never_asked(std::stop_token token, int result) {
    return token.stop_requested() ? -1 : result;
}
int throw_when_stopped(std::stop_token token, const std::string& log) {
    until_stopped(token, log, 0);
    throw std::runtime_error("stopped on the way");
}
struct Scale {
    int factor;
    int operator()(std::stop_token token, int n) const { return token.stop_possible() ? factor * n : -1; }
};

/// How often has this been called?
std::size_t count_call(const std::string& counter) {
    support::count_event(counter);
    const int file = ::open(counter.c_str(), O_RDONLY | O_CLOEXEC);
    std::size_t count = 0;
    for (char byte = 0; ::read(file, &byte, 1) == 1;) count += byte == '\n';
    ::close(file);
    return count;
}
int throw_at_first(const std::string& counter, std::size_t times) {
    const std::size_t call = count_call(counter);
    if (call <= times) throw std::runtime_error("call " + std::to_string(call));
    return static_cast<int>(call);
}
int die_at_first(const std::string& counter, std::size_t times) {
    const std::size_t call = count_call(counter);
    if (call <= times) ::kill(::getpid(), SIGKILL);
    return static_cast<int>(call);
}
int hang_at_first(const std::string& counter, std::size_t times) {
    const std::size_t call = count_call(counter);
    while (call <= times) ::pause();
    return static_cast<int>(call);
}

// ---- timeout ----

PROCESS_CASE("a call that runs for ever is ended at its timeout, and only that call") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    BusyWorker neighbour(pool);
    const int pid = pool.submit(worker_pid).result();  // of the other worker, which takes the next call, too
    const auto start = std::chrono::steady_clock::now();
    const auto runaway = pool.submit({.name = "runaway", .timeout = 200ms}, run_for_ever, log.path());
    std::vector<cf::Future<int>> behind;
    for (int i = 0; i < 30; ++i) behind.push_back(pool.submit(square, i));
    const auto error = error_of<cf::TaskTimeoutError>(runaway);
    CHECK(std::chrono::steady_clock::now() - start >= 200ms);
    CHECK_THAT(error.what(), ContainsSubstring("task 3 \"runaway\"") &&
                                 ContainsSubstring("worker process " + std::to_string(pid)) &&
                                 ContainsSubstring("its time limit is 0.200 s"));
    for (int i = 0; i < 30; ++i)
        CHECK(behind[static_cast<std::size_t>(i)].result(support::deadline(30s)) == i * i);
    CHECK(!neighbour.call().done());
    neighbour.open();
    CHECK(neighbour.call().result() == neighbour.pid());
    CHECK(pool.submit(worker_pid).result() > 0);
    CHECK(pool.stats().failed == 1);
    CHECK(pool.stats().worker_restarts == 1);
    CHECK(pool.stats().completed == 33);
}

PROCESS_CASE("the timeout counts from the start of the call, not from submit()") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    BusyWorker busy(pool);
    // Sent ahead to the worker, behind a call that lasts longer than the timeout of the last one.
    std::vector<cf::Future<int>> waiting;
    for (int i = 0; i < 5; ++i) waiting.push_back(pool.submit({.timeout = 1h}, square, i));
    const auto short_one = pool.submit({.timeout = 300ms}, run_for_ever, log.path());
    REQUIRE(support::eventually([&] { return pool.stats().running == 1; }));
    const auto submitted = std::chrono::steady_clock::now();
    bool ended_early = false;
    while (std::chrono::steady_clock::now() < submitted + 400ms) {
        ended_early = ended_early || short_one.done();
        std::this_thread::yield();
    }
    CHECK(!ended_early);
    busy.open();
    for (int i = 0; i < 5; ++i) CHECK(waiting[static_cast<std::size_t>(i)].result() == i * i);
    CHECK_THAT(error_of<cf::TaskTimeoutError>(short_one).what(),
               ContainsSubstring("worker process " + std::to_string(busy.pid())));
}

PROCESS_CASE("task_timeout holds for calls that say nothing else, maps and posts included") {
    support::ProcessLog log;
    support::ProcessLog long_log;
    std::atomic<int> reports{0}, others{0};
    support::ProcessGate gate;
    cf::ProcessPoolExecutor pool(TestType::with(
        {.max_workers = 2, .task_timeout = 200ms, .on_unhandled_exception = [&](const std::exception_ptr& error) {
             // Counted, not checked: the hook runs on the pool's thread, and Catch2 takes assertions of one thread.
             try {
                 std::rethrow_exception(error);
             } catch (const cf::TaskTimeoutError&) {
                 ++reports;
             } catch (...) {
                 ++others;
             }
         }}));
    const auto longer = pool.submit({.timeout = 1h}, stay, long_log.path(), gate.path());
    long_log.wait_for(1);
    error_of<cf::TaskTimeoutError>(pool.submit(run_for_ever, log.path()));
    auto results = pool.map({.chunksize = 1}, run_for_ever, std::vector{log.path()});
    CHECK_THROWS_AS(*results.begin(), cf::TaskTimeoutError);
    pool.post(run_for_ever, log.path());
    CHECK(support::eventually([&] { return reports == 1; }));
    gate.open();
    CHECK(longer.result() > 0);
    CHECK(others == 0);
    CHECK(log.lines().size() <= 3);  // one may have been ended before it could write
}

PROCESS_CASE("a call that ends in time is left alone, and so is its worker") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .task_timeout = 30s}));
    const int pid = pool.submit(worker_pid).result();
    for (int i = 0; i < 200; ++i) CHECK(pool.submit({.timeout = 10s}, worker_pid).result() == pid);
    CHECK(pool.submit({.timeout = std::chrono::nanoseconds::max()}, worker_pid).result() == pid);
    CHECK(pool.stats().worker_restarts == 0);
}

PROCESS_CASE("a call that ignores SIGTERM gets SIGKILL after stop_grace") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .stop_grace = 100ms}));
    pool.submit(ignore_sigterm).result();
    const auto start = std::chrono::steady_clock::now();
    const auto call = pool.submit({.timeout = 300ms}, run_for_ever, log.path());
    const auto error = error_of<cf::TaskTimeoutError>(call);
    CHECK(std::chrono::steady_clock::now() - start >= 400ms);
    CHECK_THAT(error.what(), ContainsSubstring("It ignored SIGTERM for 0.100 s and was killed."));
    CHECK(pool.submit(square, 3).result() == 9);
}

PROCESS_CASE("a call that returns because of SIGTERM has timed out all the same") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .stop_grace = 1h}));
    const int pid = pool.submit(note_sigterm).result();
    const auto call = pool.submit({.timeout = 300ms}, return_at_sigterm);
    std::vector<cf::Future<int>> behind;
    for (int i = 0; i < 20; ++i) behind.push_back(pool.submit(square, i));
    error_of<cf::TaskTimeoutError>(call);
    for (int i = 0; i < 20; ++i)
        CHECK(behind[static_cast<std::size_t>(i)].result(support::deadline(30s)) == i * i);
    CHECK(pool.submit(worker_pid).result() != pid);
}

PROCESS_CASE("a process that is stopped like by Ctrl-Z is ended as well") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .stop_grace = 50ms}));
    error_of<cf::TaskTimeoutError>(pool.submit({.timeout = 50ms}, stop_self, log.path()));
    CHECK(pool.submit(square, 3).result() == 9);
}

PROCESS_CASE("a timeout of nothing ends the call as soon as it has started") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    error_of<cf::TaskTimeoutError>(pool.submit({.timeout = 0s}, run_for_ever, log.path()));
    CHECK(pool.submit(square, 3).result() == 9);
}

PROCESS_CASE("many timeouts in a row break nothing") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with(
        {.max_workers = 2, .on_worker_death = cf::WorkerDeath::break_pool, .task_timeout = 20ms}));
    std::vector<cf::Future<int>> runaways;
    for (int i = 0; i < 12; ++i) runaways.push_back(pool.submit(run_for_ever, log.path()));
    for (const auto& runaway : runaways) error_of<cf::TaskTimeoutError>(runaway);
    CHECK(pool.submit({.timeout = 1h}, square, 3).result() == 9);
    CHECK(pool.stats().failed == 12);
    CHECK(pool.stats().worker_restarts == 12);
}

PROCESS_CASE("calls that end at about their timeout end once, with a result or with TaskTimeoutError") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    std::vector<cf::Future<int>> calls;
    const auto spin = [](int microseconds) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(microseconds);
        while (std::chrono::steady_clock::now() < end) {
        }
        return microseconds;
    };
    for (int i = 0; i < 60; ++i) calls.push_back(pool.submit({.timeout = 2ms}, spin, 1500 + 20 * i));
    std::size_t failed = 0;
    for (int i = 0; i < 60; ++i) {
        const auto& call = calls[static_cast<std::size_t>(i)];
        if (call.exception(support::deadline(30s)))
            error_of<cf::TaskTimeoutError>(call), ++failed;
        else
            CHECK(call.result() == 1500 + 20 * i);
    }
    CHECK(pool.stats().failed == failed);
    CHECK(pool.stats().completed == 60 - failed);
}

PROCESS_CASE("a result that is still in the pipe when the next call is ended is a result") {
    const support::ProcessLog log;
    const support::ProcessGate gate, second_gate;
    support::Gate in_callback("the callback runs"), may_go_on("the callback may end");
    // With max_pending = 1 submit returns when the one before has left the queue, to the only worker.
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .max_pending = 1}));
    const auto first = pool.submit(stay, log.path(), gate.path());
    first.add_done_callback([&](const cf::Future<int>&) {
        in_callback.open();
        may_go_on.wait();
    });
    log.wait_for(1);
    const auto ends = pool.submit(stay, log.path(), second_gate.path());
    const auto late = pool.submit({.timeout = 1ns}, run_for_ever, log.path());
    const auto after = pool.submit(square, 4);
    support::open_gate(gate.path());
    in_callback.wait();
    support::open_gate(second_gate.path());
    log.wait_for(3);  // so the result of `ends` has been sent, and nobody has read it
    may_go_on.open();
    CHECK(ends.result(support::deadline(30s)) > 0);
    error_of<cf::TaskTimeoutError>(late);
    CHECK(after.result(support::deadline(30s)) == 16);
}

PROCESS_CASE("shutdown() waits for a call that is ended at its timeout") {
    support::ProcessLog log;
    cf::Future<int> runaway;
    {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
        runaway = pool.submit({.timeout = 100ms}, run_for_ever, log.path());
        const auto after = pool.submit(square, 3);
        pool.shutdown({.wait = false});
        CHECK(after.result(support::deadline(30s)) == 9);
    }
    error_of<cf::TaskTimeoutError>(runaway);
}

// ---- stop ----

PROCESS_CASE("request_stop() reaches the stop_token of a running call, which goes on as it likes") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto call = pool.submit(until_stopped, log.path(), 7);
    log.wait_for(1);
    CHECK(call.running());
    call.request_stop();
    CHECK(call.result(support::deadline(30s)) == 7);
    CHECK(!call.cancelled());
    // The same worker goes on.
    CHECK(std::to_string(pool.submit(worker_pid).result()) == log.lines().at(0));
    CHECK(pool.stats().completed == 2);
    CHECK(pool.stats().worker_restarts == 0);
}

PROCESS_CASE("what a call throws because it was asked to stop is its exception") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto call = pool.submit({.retries = 5}, throw_when_stopped, log.path());
    log.wait_for(1);
    call.request_stop();
    CHECK(std::string(error_of<std::runtime_error>(call).what()) == "stopped on the way");
    CHECK(log.lines().size() == 1);  // it was not tried again
}

PROCESS_CASE("request_stop() cancels a call that has not started") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    BusyWorker busy(pool);
    std::vector<cf::Future<int>> waiting;
    for (int i = 0; i < 40; ++i) waiting.push_back(pool.submit(record, log.path(), i));
    for (const auto& call : waiting) {
        call.request_stop();
        CHECK(call.cancelled());
    }
    busy.open();
    CHECK(busy.call().result() > 0);
    pool.shutdown();
    CHECK(log.lines().empty());
    CHECK(pool.stats().cancelled == 40);
}

PROCESS_CASE("a call that does not stop within stop_grace is killed and cancelled, and only that call") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2, .stop_grace = 100ms}));
    BusyWorker neighbour(pool);
    const auto call = pool.submit({.retries = 3}, run_for_ever, log.path());
    log.wait_for(1);
    std::vector<cf::Future<int>> behind;
    for (int i = 0; i < 30; ++i) behind.push_back(pool.submit(square, i));
    std::atomic<int> heard{0};
    call.add_done_callback([&](const cf::Future<int>& ended) { heard += ended.cancelled(); });
    const auto start = std::chrono::steady_clock::now();
    call.request_stop();
    call.request_stop();
    CHECK_THROWS_AS(call.result(support::deadline(30s)), cf::CancelledError);
    CHECK(std::chrono::steady_clock::now() - start >= 100ms);
    CHECK(support::eventually([&] { return heard == 1; }));
    for (int i = 0; i < 30; ++i)
        CHECK(behind[static_cast<std::size_t>(i)].result(support::deadline(30s)) == i * i);
    CHECK(!neighbour.call().done());
    neighbour.open();
    CHECK(neighbour.call().result() == neighbour.pid());
    CHECK(log.lines().size() == 1);
    CHECK(pool.stats().cancelled == 1);
    CHECK(pool.stats().failed == 0);
    CHECK(pool.stats().worker_restarts == 1);
}

PROCESS_CASE("a call without a stop_token that ends within stop_grace gives its result") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .stop_grace = 1h}));
    BusyWorker busy(pool);
    busy.call().request_stop();
    busy.open();
    CHECK(busy.call().result(support::deadline(30s)) == busy.pid());
    CHECK(pool.submit(worker_pid).result() == busy.pid());
}

PROCESS_CASE("a slow stop callback delays no other call and no timeout of one") {
    support::ProcessLog log, other;
    support::ProcessGate gate;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2, .stop_grace = 1h}));
    const auto slow = pool.submit(
        [](std::stop_token stop, const std::string& lines, const std::string& opened) {
            const std::stop_callback callback(stop, [&] {
                support::append_line(lines, "asked");
                support::wait_at_gate(opened);
            });
            support::append_line(lines, "started");
            while (!stop.stop_requested()) std::this_thread::yield();
            return 7;
        },
        log.path(), gate.path());
    log.wait_for(1);
    slow.request_stop();
    log.wait_for(2);
    // It sleeps: under ThreadSanitizer a loop without a system call would not get the SIGTERM, and be killed after
    // stop_grace only.
    const auto sleep_for_ever = [](const std::string& lines) -> int {
        support::append_line(lines, "runs");
        for (;;) ::pause();
    };
    error_of<cf::TaskTimeoutError>(pool.submit({.timeout = 50ms}, sleep_for_ever, other.path()));
    CHECK(pool.submit(square, 3).result() == 9);
    CHECK_FALSE(slow.done());
    gate.open();
    CHECK(slow.result() == 7);
}

PROCESS_CASE("a stop callback may shut down a pool of its worker; one that throws ends its worker only") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .stop_grace = 1h}));
    const auto shuts_down = pool.submit(
        [](std::stop_token stop, const std::string& lines) {
            cf::ProcessPoolExecutor inner(Spawn::with({.max_workers = 1}));
            inner.submit(square, 3).result();
            const std::stop_callback callback(stop, [&] { inner.shutdown(); });
            support::append_line(lines, "started");
            while (!stop.stop_requested()) std::this_thread::yield();
            return 7;
        },
        log.path());
    log.wait_for(1);
    shuts_down.request_stop();
    CHECK(shuts_down.result() == 7);
    const auto throws = pool.submit(
        [](std::stop_token stop, const std::string& lines) {
            const std::stop_callback callback(stop, [] { throw 1; });
            support::append_line(lines, "started");
            for (;;) ::pause();
        },
        log.path());
    log.wait_for(2);
    throws.request_stop();
    error_of<cf::WorkerDiedError>(throws);
    CHECK(pool.submit(square, 3).result() == 9);
}

PROCESS_CASE("callables of every kind may take a stop_token first") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    CHECK(pool.submit(never_asked, 5).result() == 5);
    CHECK(pool.submit(Scale{3}, 5).result() == 15);
    CHECK(pool.submit([](const std::stop_token& token, const std::string& text) {
              return text + (token.stop_possible() ? "!" : "?");
          }, "hello").result() == "hello!");
    CHECK(pool.submit([](std::stop_token token, auto n) { return token.stop_requested() ? -n : n; }, 4)
              .result() == 4);
    pool.submit([](std::stop_token) {}).result();
    CHECK(pool.submit<&never_asked>(6).result() == 6);
    pool.post([](std::stop_token) {});
}

PROCESS_CASE("request_stop() in a callback, after the end, and in the middle of shutdown") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2, .stop_grace = 50ms}));
    const auto runs = pool.submit(run_for_ever, log.path());
    log.wait_for(1);
    const auto ended = pool.submit(square, 4);
    ended.add_done_callback([&](const cf::Future<int>&) { runs.request_stop(); });
    CHECK_THROWS_AS(runs.result(support::deadline(30s)), cf::CancelledError);
    ended.request_stop();
    runs.request_stop();
    CHECK(ended.result() == 16);
    const auto last = pool.submit(run_for_ever, log.path());
    log.wait_for(2);
    pool.shutdown({.wait = false});
    last.request_stop();
    pool.shutdown();
    CHECK(last.cancelled());
}

// ---- retries ----

PROCESS_CASE("a call that throws is tried again so often, from the same bytes") {
    support::ProcessCounter ran;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    CHECK(pool.submit({.retries = 3}, throw_at_first, ran.path(), 3U).result() == 4);
    CHECK(ran.value() == 4);
    CHECK(pool.stats().completed == 1);
    CHECK(pool.stats().failed == 0);
    support::ProcessCounter more;
    const auto fails = pool.submit({.retries = 2}, throw_at_first, more.path(), 99U);
    CHECK(std::string(error_of<std::runtime_error>(fails).what()) == "call 3");
    CHECK(more.value() == 3);
    CHECK(pool.stats().failed == 1);
    CHECK(pool.stats().worker_restarts == 0);
}

PROCESS_CASE("a call whose worker dies is tried again so often") {
    support::ProcessCounter ran;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    std::vector<cf::Future<int>> others;
    const auto call = pool.submit({.retries = 2}, die_at_first, ran.path(), 2U);
    for (int i = 0; i < 20; ++i) others.push_back(pool.submit(square, i));
    CHECK(call.result(support::deadline(30s)) == 3);
    CHECK(pool.stats().worker_restarts == 2);
    support::ProcessCounter more;
    const auto fails = pool.submit({.retries = 1}, die_at_first, more.path(), 99U);
    CHECK_THAT(error_of<cf::WorkerDiedError>(fails).what(),
               ContainsSubstring("It was attempt 2, the last."));
    CHECK(more.value() == 2);
    for (int i = 0; i < 20; ++i) CHECK(others[static_cast<std::size_t>(i)].result() == i * i);
}

PROCESS_CASE("a call that times out is tried again so often") {
    support::ProcessCounter ran;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    // On a busy machine an attempt that does not hang may take too long as well; so there are many.
    const auto call = pool.submit({.timeout = 500ms, .retries = 1000}, hang_at_first, ran.path(), 1U);
    CHECK(call.result(support::deadline(50s)) >= 2);
    const std::size_t restarts = pool.stats().worker_restarts;
    CHECK(restarts >= 1);
    support::ProcessCounter more;
    const auto fails = pool.submit({.timeout = 300ms, .retries = 1}, hang_at_first, more.path(), 99U);
    CHECK_THAT(error_of<cf::TaskTimeoutError>(fails).what(),
               ContainsSubstring("It was attempt 2, the last."));
    CHECK(more.value() <= 2);  // one may have been ended before it could count
    CHECK(pool.stats().completed == 1);
    CHECK(pool.stats().failed == 1);
    CHECK(pool.stats().worker_restarts == restarts + 2);
}

PROCESS_CASE("a call that is to be tried again still runs when the pool shuts down") {
    support::ProcessCounter ran;
    cf::Future<int> call;
    {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
        call = pool.submit({.retries = 3}, die_at_first, ran.path(), 3U);
        pool.shutdown({.wait = false});
    }
    CHECK(call.result() == 4);
}

// ---- memory ----

std::size_t allocate(std::size_t bytes) {
    const std::vector<char> memory(bytes, 'm');
    return memory.size();
}
[[noreturn]] std::size_t allocate_without_end() {
    std::vector<char*> kept;
    for (;;) kept.push_back(new char[64 * 1024]);
}
std::vector<char> big_result(std::size_t bytes) { return std::vector<char>(bytes, 'r'); }
std::size_t size_of(const std::vector<char>& bytes) { return bytes.size(); }

/// max_memory_bytes of workers that are to have so much room. A forked one starts with what this process has.
template <class Start>
std::size_t room_for(std::size_t bytes) {
    return bytes + (Start::method == cf::StartMethod::fork ? support::private_memory() : 0);
}

PROCESS_CASE("beyond max_memory_bytes new throws std::bad_alloc in the call, and the worker goes on") {
    if (support::sanitized) SKIP("a sanitizer maps terabytes, which any limit forbids");
    const auto had_before = std::make_unique_for_overwrite<char[]>(300 * mebibyte);
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 1, .max_memory_bytes = room_for<TestType>(256 * mebibyte)}));
    const int pid = pool.submit(worker_pid).result();
    CHECK(pool.submit(allocate, 100 * mebibyte).result() == 100 * mebibyte);
    error_of<std::bad_alloc>(pool.submit(allocate, 400 * mebibyte));
    error_of<std::bad_alloc>(pool.submit(big_result, 200 * mebibyte));
    CHECK(pool.submit(allocate, 100 * mebibyte).result() == 100 * mebibyte);
    CHECK(pool.submit(worker_pid).result() == pid);
    CHECK(allocate(400 * mebibyte) == 400 * mebibyte);  // not here
}

PROCESS_CASE("an argument for which the worker has no memory fails its call alone") {
    if (support::sanitized) SKIP("a sanitizer maps terabytes, which any limit forbids");
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 1, .max_memory_bytes = room_for<TestType>(128 * mebibyte)}));
    const int pid = pool.submit(worker_pid).result();
    const auto big = pool.submit(size_of, std::vector<char>(300 * mebibyte));
    const auto after = pool.submit(worker_pid);
    error_of<std::bad_alloc>(big);
    CHECK(after.result() == pid);
}

PROCESS_CASE("a call that uses up all memory and keeps it can still say so") {
    if (support::sanitized) SKIP("a sanitizer maps terabytes, which any limit forbids");
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 1, .max_memory_bytes = room_for<TestType>(128 * mebibyte)}));
    error_of<std::bad_alloc>(pool.submit(allocate_without_end));
}

PROCESS_CASE("a limit below what a worker has from the start breaks the pool, and it says why") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .max_memory_bytes = 4096}));
    CHECK_THAT(error_of<cf::BrokenProcessPool>(pool.submit(square, 3)).what(),
               ContainsSubstring("max_memory_bytes = 4096 is less than"));
}

// ---- processors ----

/// Computes for so long, by the clock of its own processor time.
int compute(std::chrono::milliseconds time) {
    const auto used = [] {
        std::timespec now{};
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
    };
    const auto end = used() + time;
    while (used() < end) {
    }
    return ::getpid();
}
int own_niceness() { return ::getpriority(PRIO_PROCESS, 0); }
std::vector<int> own_processors() {
    cpu_set_t set;
    ::sched_getaffinity(0, sizeof set, &set);
    std::vector<int> found;
    for (int i = 0; i < CPU_SETSIZE; ++i)
        if (CPU_ISSET(static_cast<std::size_t>(i), &set)) found.push_back(i);
    return found;
}

PROCESS_CASE("a call that uses up its cpu_time dies of it, and only that call") {
    const auto ignored = ::signal(SIGXCPU, SIG_IGN);
    cf::ProcessPoolExecutor pool(TestType::with(
        {.max_workers = 1, .initializer = cf::bind_task(cf::WorkerLimits{.cpu_time = 1s})}));
    support::ProcessLog log;
    const auto runaway = pool.submit({.name = "runaway"}, run_for_ever, log.path());
    const auto behind = pool.submit(square, 3);
    const auto error = error_of<cf::WorkerDiedError>(runaway);
    CHECK(error.signal() == SIGXCPU);
    CHECK_THAT(error.what(), ContainsSubstring("task 1 \"runaway\"") &&
                                 ContainsSubstring("It had used up its processor time"));
    CHECK(behind.result(support::deadline(30s)) == 9);
    ::signal(SIGXCPU, ignored);
}

/// Seconds of processor time that this process has left until its limit, after it has computed for so long.
double compute_and_tell_what_was_left(std::chrono::milliseconds time) {
    std::timespec used{};
    rlimit limit{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    ::getrlimit(RLIMIT_CPU, &limit);
    compute(time);
    return static_cast<double>(limit.rlim_cur) - static_cast<double>(used.tv_sec) - static_cast<double>(used.tv_nsec) / 1e9;
}

// The limit is far away: a kernel that counts by ticks may reach it long before the clock does.
TEST_CASE("cpu_time is for each call, not for the worker's life", "[process_pool]") {
    cf::ProcessPoolExecutor pool(Spawn::with(
        {.max_workers = 1, .initializer = cf::bind_task(cf::WorkerLimits{.cpu_time = 100s})}));
    for (int i = 0; i < 3; ++i) {
        const double left = pool.submit(compute_and_tell_what_was_left, 1100ms).result();
        CHECK(left > 99);  // the call itself has taken something; with one limit for all of them the third has 98.8
        CHECK(left <= 101);
    }
    CHECK(pool.stats().worker_restarts == 0);
}

PROCESS_CASE("niceness and processors are those of the workers, not of this process") {
    const int niceness = own_niceness();
    const auto processors = own_processors();
    const int nicer = std::min(niceness + 3, 19);
    cf::ProcessPoolExecutor pool(TestType::with(
        {.max_workers = 1,
         .initializer = cf::bind_task(
             cf::WorkerLimits{.niceness = nicer, .processors = {processors.back()}})}));
    CHECK(pool.submit(own_niceness).result() == nicer);
    CHECK(pool.submit(own_processors).result() == std::vector{processors.back()});
    CHECK(own_niceness() == niceness);
    CHECK(own_processors() == processors);
}

PROCESS_CASE("limits that cannot be had break the pool, and it says which") {
    const auto words = [](const cf::WorkerLimits& limits) {
        cf::ProcessPoolExecutor pool(
            TestType::with({.max_workers = 1, .initializer = cf::bind_task(limits)}));
        return std::string(error_of<cf::BrokenProcessPool>(pool.submit(square, 3)).what());
    };
    CHECK_THAT(words({.cpu_time = 0s}), ContainsSubstring("WorkerLimits::cpu_time must be at least 1 s"));
    CHECK_THAT(words({.processors = {100'000}}), ContainsSubstring("WorkerLimits::processors: none of these"));
    CHECK_THAT(words({.processors = {-1}}), ContainsSubstring("WorkerLimits::processors: none of these"));
}

void pass_gate(const std::string& gate) { support::wait_at_gate(gate); }

TEST_CASE("waiting for room first runs the callbacks that its thread has put off", "[process_pool]") {
    cf::ProcessPoolExecutor pool(Spawn::with({.max_workers = 1, .max_pending = 1}));
    support::ProcessGate gate;
    cf::Promise<void> promise;
    promise.get_future().add_done_callback([&](const cf::Future<void>&) { gate.open(); });
    support::in_deep_callbacks<cf::Promise<void>>([&] {
        promise.set_value();
        for (int n = 0; n < 20; ++n) pool.post(pass_gate, gate.path());  // more than are sent ahead
    });
    pool.wait_idle();
    CHECK(pool.stats().completed == 20);
}

TEST_CASE("the longest durations are no limit for a process pool", "[process_pool]") {
    constexpr auto longest = std::chrono::hours::max();
    cf::ProcessPoolExecutor pool(Spawn::with({.max_workers = 1,
                                              .initializer = cf::bind_task(cf::WorkerLimits{.cpu_time = longest}),
                                              .task_timeout = longest,
                                              .stop_grace = longest,
                                              .idle_timeout = longest}));
    CHECK(pool.submit(square, 3).result() == 9);
    const auto limited = pool.submit({.timeout = longest, .retries = 1}, square, 4);
    CHECK(limited.result() == 16);
    CHECK_THROWS_WITH(pool.submit({.timeout = std::chrono::hours::min()}, square, 4),
                      ContainsSubstring("TaskOptions::timeout must not be negative"));
}

TEST_CASE("in a process that is no worker WorkerLimits changes nothing", "[process_pool]") {
    const int niceness = own_niceness();
    const auto processors = own_processors();
    cf::WorkerLimits{.cpu_time = 0s, .niceness = 19, .processors = {processors.front()}}();
    ::setenv("CONCURRENT_FUTURES_INLINE", "1", 1);
    {
        cf::ProcessPoolExecutor pool(
            {.max_workers = 1, .initializer = cf::bind_task(cf::WorkerLimits{.niceness = 19})});
        CHECK(pool.submit(own_niceness).result() == niceness);
    }
    ::unsetenv("CONCURRENT_FUTURES_INLINE");
    CHECK(own_niceness() == niceness);
    CHECK(own_processors() == processors);
}

}  // namespace
}  // namespace process_pools
