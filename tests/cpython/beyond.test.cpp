// SPDX-License-Identifier: MIT
//
// What CPython has no test for, though its bug history says it should: fifteen situations, numbered
// as in README.md. The issues in brackets are python/cpython's. Number 3 is a program of its own,
// tests/programs/cpython_parent_is_killed.cpp.
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include "cpython/shortage.hpp"
#include "cpython/translation.hpp"
#include "support/leak_listener.hpp"

namespace cpython {
namespace {

using Futures = std::vector<cf::Future<int>>;

#define BEYOND(number) "beyond." #number

// ---- 1 ----

// #87893, #109934, #136655
EXECUTOR_CASE("cancel() wakes who is inside wait() and as_completed()", BEYOND(1)) {
    for (const bool by_shutdown : {false, true}) {
        BusyPool<TestType> busy;
        const auto waiting = busy.pool.submit(multiply, 1, 2);
        support::Gate asked;
        std::atomic<int> woken{0};
        {
            const std::jthread waits([&] {
                asked.wait();
                woken += cf::wait(Futures{waiting}, {.timeout = 1h}).done.size() == 1;
            });
            const std::jthread iterates([&] {
                asked.wait();
                for (const auto& ended : cf::as_completed(Futures{waiting}, 1h))
                    woken += ended.cancelled();
            });
            asked.open();
            if (by_shutdown)
                busy.pool.shutdown({.wait = false, .cancel_futures = true});
            else
                CHECK(waiting.cancel());
        }
        CHECK(woken == 2);
        CHECK_FALSE(busy.call().done());
    }
}

// ---- 2 ----

EXECUTOR_CASE("a callback may submit to, cancel in and shut down its own pool", BEYOND(2)) {
    BusyPool<TestType> busy;
    const auto waiting = busy.pool.submit(multiply, 1, 2);
    const auto behind = busy.pool.submit(multiply, 3, 4);
    std::atomic<int> steps{0};
    cf::Future<int> late;
    busy.call().add_done_callback([&](const cf::Future<int>&) {
        late = busy.pool.submit(multiply, 6, 7);
        ++steps;
        behind.cancel();  // a worker process may have started it already
        ++steps;
        busy.pool.shutdown({.wait = true, .cancel_futures = true});
        ++steps;
        steps += message_of([&] { busy.pool.submit(multiply, 1, 1); }).find("after shutdown") !=
                 std::string::npos;
    });
    // The same from within cancel(), and from within shutdown().
    waiting.add_done_callback([&](const cf::Future<int>& future) {
        if (future.cancelled()) busy.pool.submit(multiply, 1, 1);
    });
    CHECK(waiting.cancel());
    busy.open();
    CHECK(support::eventually([&] { return steps == 4; }));
    busy.pool.shutdown();
    CHECK(behind.done());
    CHECK(late.done());
}

// ---- 4 ----

std::size_t size_of(const std::vector<char>& bytes) { return bytes.size(); }
std::vector<char> make_bytes(const std::string& started, std::size_t size) {
    support::append_line(started, std::to_string(::getpid()));
    return std::vector<char>(size, 'b');
}
std::vector<char> same_bytes(std::vector<char> bytes) { return bytes; }

// #94777
PROCESS_POOL_CASE("a worker killed while it waits for work takes nothing with it", BEYOND(4)) {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    BusyWorker other(pool);
    const int idle = pool.submit(worker_pid).result();
    kill_idle_worker(idle);
    CHECK(pool.submit(multiply, 6, 7).result(support::deadline(30s)) == 42);
    other.open();
    CHECK(other.call().result() == other.pid());
    CHECK(pool.stats().failed == 0);
}

// #94777
PROCESS_POOL_CASE("a worker killed in the middle of reading 10 MB loses no call", BEYOND(4)) {
    constexpr std::size_t size = 10'000'000;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const int pid = pool.submit(worker_pid).result();
    ::kill(pid, SIGSTOP);  // reads nothing more; its pipe holds a part
    REQUIRE(support::eventually([&] { return support::state_of(pid) == 'T'; }));
    Futures others;
    const auto big = pool.submit(size_of, std::vector<char>(size));
    for (int i = 0; i < 10; ++i) others.push_back(pool.submit(multiply, i, 2));
    ::kill(pid, SIGKILL);
    CHECK(big.result(support::deadline(30s)) == size);  // it had not started: another worker ran it
    for (int i = 0; i < 10; ++i) CHECK(others[as_index(i)].result(support::deadline(30s)) == 2 * i);
    CHECK(pool.stats().failed == 0);
}

// pebble#163
PROCESS_POOL_CASE("a worker killed in the middle of writing a result fails that call only",
                  BEYOND(4)) {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    support::Gate held("the callback runs"), may_go_on("the callback may end");
    pool.submit(multiply, 1, 1).wait();
    support::ProcessLog started;
    BusyWorker holder(pool);
    const auto victim = pool.submit(make_bytes, started.path(), std::size_t{50'000'000});
    // While the callback stays nobody reads results: the worker comes to its write and no further.
    holder.call().add_done_callback([&](const cf::Future<int>&) {
        held.open();
        may_go_on.wait();
    });
    started.wait_for(1);
    holder.open();
    held.wait();
    Futures others;
    for (int i = 0; i < 10; ++i) others.push_back(pool.submit(multiply, i, 2));
    ::kill(std::stoi(started.lines().at(0)), SIGKILL);
    may_go_on.open();
    // The result may have been read whole before the callback; never a part of it.
    if (victim.exception(support::deadline(30s)))
        CHECK(error_of<cf::WorkerDiedError>(victim).signal() == SIGKILL);
    else
        CHECK(victim.result() == std::vector<char>(50'000'000, 'b'));
    for (int i = 0; i < 10; ++i) CHECK(others[as_index(i)].result(support::deadline(30s)) == 2 * i);
    CHECK(holder.call().result() == holder.pid());
}

// ---- 5 ----

PROCESS_POOL_CASE(
    "pool and worker that both write more than a pipe holds do not wait for each other",
    BEYOND(5)) {
    constexpr std::size_t size = 5'000'000;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    std::vector<cf::Future<std::vector<char>>> futures;
    for (int i = 0; i < 8; ++i)
        futures.push_back(pool.submit(same_bytes, std::vector<char>(size, static_cast<char>(i))));
    for (std::size_t i = 0; i < 8; ++i) {
        const auto& bytes = futures[i].result(support::deadline(30s));
        CHECK(bytes.size() == size);
        CHECK(bytes.back() == static_cast<char>(i));
    }
}

// ---- 6 ----

/// Of several arguments, as the exceptions that CPython's pools broke on.
class BadExit : public std::exception {
  public:
    BadExit(std::string program, int code) : program_(std::move(program)), code_(code) {}
    BadExit() = default;
    const char* what() const noexcept override { return program_.c_str(); }
    int code() const { return code_; }
    template <class Archive>
    void serialize(Archive& archive) {
        archive(program_, code_);
        if (std::is_same_v<Archive, cf::Decoder> && code_ < 0)
            throw std::runtime_error("cannot be made again");
    }

  private:
    std::string program_;
    int code_ = 0;
};
const bool bad_exit_crosses = cf::register_exception<BadExit>();
int throw_bad_exit(int code) { throw BadExit("program", code); }

// #79492, #4256
PROCESS_POOL_CASE("an exception that cannot be made again here fails its call only", BEYOND(6)) {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    Futures others;
    for (int i = 0; i < 10; ++i) others.push_back(pool.submit(multiply, i, 2));
    const auto unreadable = pool.submit(throw_bad_exit, -1);
    const auto readable = pool.submit(throw_bad_exit, 3);
    for (int i = 10; i < 20; ++i) others.push_back(pool.submit(multiply, i, 2));
    CHECK(unreadable.exception(support::deadline(30s)) != nullptr);
    CHECK(error_of<BadExit>(readable).code() == 3);
    for (int i = 0; i < 20; ++i) CHECK(others[as_index(i)].result(support::deadline(30s)) == 2 * i);
    CHECK(pool.stats().worker_restarts == 0);
}

// ---- 7, 8 ----

/// Can be copied and encoded only while it is told so.
struct Unwilling {
    explicit Unwilling(bool is_willing = true) : willing(is_willing) {}
    Unwilling(const Unwilling& other) : willing(other.willing) { require_willing(); }
    Unwilling(Unwilling&&) = default;
    Unwilling& operator=(const Unwilling&) = default;
    ~Unwilling() = default;
    template <class Archive>
    void serialize(Archive& archive) {
        require_willing();
        archive(willing);
    }
    void require_willing() const {
        if (!willing) throw std::runtime_error("I would rather not");
    }
    bool willing;
};
int take(const Unwilling&) { return 1; }

// #116685
EXECUTOR_CASE("arguments that do not cross and a cancelling shutdown go together", BEYOND(7)) {
    BusyPool<TestType> busy;
    Futures waiting;
    std::vector<Unwilling> items(3);
    items[1].willing = false;
    for (int i = 0; i < 10; ++i) {
        waiting.push_back(busy.pool.submit(take, Unwilling()));
        CHECK_THROWS_AS(busy.pool.submit(take, items[1]), std::runtime_error);
        CHECK_THROWS_AS(busy.pool.map({.chunksize = 1}, take, items), std::runtime_error);
    }
    busy.pool.shutdown({.wait = false, .cancel_futures = true});
    for (const auto& future : waiting) CHECK(future.cancelled());
    busy.open();
    busy.pool.shutdown();
    CHECK(busy.pool.stats().completed == 1);
}

EXECUTOR_CASE("a pool that is destroyed after an argument did not cross runs what it took",
              BEYOND(7)) {
    Futures waiting;
    {
        TestType pool(1);
        const Unwilling unwilling(false);
        for (int i = 0; i < 10; ++i) {
            waiting.push_back(pool.submit(take, Unwilling()));
            CHECK_THROWS_AS(pool.submit(take, unwilling), std::runtime_error);
        }
    }
    for (const auto& future : waiting) CHECK(future.result(0s) == 1);
}

// #125451
EXECUTOR_CASE("shutdown() of two threads, while others submit what does not cross", BEYOND(8)) {
    for (int round = 0; round < 10; ++round) {
        TestType pool(2);
        std::atomic<int> taken{0};
        std::atomic<bool> closed{false};
        support::Gate go, some_taken;
        {
            const std::jthread submits([&] {
                go.wait();
                const Unwilling unwilling(false);
                while (!closed) {
                    try {
                        pool.submit(take, Unwilling());
                        if (++taken == 5) some_taken.open();
                        pool.submit(take, unwilling);
                    } catch (const cf::ShutdownError&) {
                        closed = true;
                    } catch (const std::runtime_error&) {
                    }
                }
            });
            const auto shut_down = [&] {
                some_taken.wait();
                pool.shutdown();
            };
            const std::jthread one(shut_down), two(shut_down);
            go.open();
        }
        CHECK(pool.stats().completed == as_index(taken.load()));
        CHECK(pool.stats().workers == 0);
    }
}

CPYTHON_CASE("a call may shut down the pool it runs on, and does not wait for itself", BEYOND(8)) {
    cf::ThreadPoolExecutor pool(1);
    support::Gate submitted;
    const auto shuts_down = pool.submit([&] {
        submitted.wait();
        pool.shutdown();
        return 1;
    });
    const auto behind = pool.submit(multiply, 6, 7);
    submitted.open();
    CHECK(shuts_down.result() == 1);
    CHECK(behind.result() == 42);
    pool.shutdown();
}

// ---- 9 ----

// #124706
EXECUTOR_CASE("a hundred pools leave no descriptor, process or thread", BEYOND(9)) {
    const auto before = support::ProcessResources::now();
    for (int i = 0; i < 100; ++i) {
        TestType pool(2);
        CHECK(pool.submit(multiply, i, 2).result() == 2 * i);
    }
    CHECK(support::leaks_since(before, support::settle_time) == std::vector<std::string>());
}

// ---- 10 ----

// #146392
EXECUTOR_CASE("a buffered map gives what it has in its buffer after shutdown(), then an error",
              BEYOND(10)) {
    TestType pool(2);
    auto results = pool.map({.buffersize = 3}, multiply, numbers_below(10), numbers_below(10));
    pool.shutdown();
    auto it = results.begin();
    for (int i = 0; i < 3; ++i, ++it) CHECK(*it == i * i);
    REQUIRE(it != results.end());
    CHECK_THROWS_AS(*it, cf::ShutdownError);
    ++it;
    CHECK(it == results.end());
}

// #136578
EXECUTOR_CASE("a map that is dropped without a look runs its calls, one that was begun cancels what has not started",
              BEYOND(10)) {
    const bool begun = GENERATE(false, true);
    support::ProcessLog log;
    BusyPool<TestType> busy;
    {
        auto results = busy.pool.map(record, std::vector<std::string>(5, log.path()), numbers_below(5));
        if (begun) results.begin();
    }
    busy.open();
    busy.pool.shutdown();
    CHECK(log.lines().size() == (begun ? 0 : 5));
    CHECK(busy.pool.stats().cancelled == (begun ? 5 : 0));
}

// ---- 11 ----

// #17615
CPYTHON_CASE("when no thread can be started submit() throws, or the call runs, and never both",
             BEYOND(11)) {
    std::atomic<int> ran{0};
    const auto call = [&] { return ++ran; };
    cf::ThreadPoolExecutor pool(2);
    int taken = 0;
    const auto try_to_submit = [&] {
        try {
            pool.submit(call);
            ++taken;
        } catch (const std::exception&) {
            return;  // and it does not run, as the sum shows
        }
    };
    {
        const NoMoreThreads shortage;
        try_to_submit();  // there is no worker yet
    }
    CHECK(taken == 0);
    support::Gate gate;
    const auto busy = pool.submit([&] { gate.wait(); });
    {
        const NoMoreThreads shortage;
        try_to_submit();  // there is one, and it is busy
    }
    try_to_submit();
    gate.open();
    pool.shutdown();
    CHECK(ran == taken);
}

PROCESS_POOL_CASE(
    "when no process can be started a call runs on those there are, or fails and does not run",
    BEYOND(11)) {
    if (!can_run_out_of_descriptors) SKIP(why_not_out_of_descriptors);
    const DescriptorFloor floor(24);
    support::ProcessLog log;
    {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
        cf::Future<int> call;
        {
            const NoMoreDescriptors shortage(floor.limit());
            call = pool.submit(record, log.path(), 1);
            error_of<cf::BrokenProcessPool>(call);
        }
    }
    CHECK(log.lines().empty());
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    BusyWorker busy(pool);
    Futures calls;
    {
        const NoMoreDescriptors shortage(floor.limit());
        for (int i = 0; i < 5; ++i) calls.push_back(pool.submit(record, log.path(), i));
        busy.open();
        for (int i = 0; i < 5; ++i) CHECK(calls[as_index(i)].result(support::deadline(30s)) == i);
    }
    CHECK(recorded(log) == numbers_below(5));
}

// ---- 12 ----

std::size_t lines_in(const std::string& path) {
    std::ifstream file(path);
    std::size_t count = 0;
    for (std::string line; std::getline(file, line);) ++count;
    return count;
}
void die_the_first_time(const std::string& counter) {
    support::count_event(counter);
    if (lines_in(counter) == 1) ::kill(::getpid(), SIGKILL);
}
void throw_unless_first(const std::string& counter) {
    support::count_event(counter);
    if (lines_in(counter) > 1) throw std::runtime_error("only one licence");
}
void always_die() { ::kill(::getpid(), SIGKILL); }

PROCESS_POOL_CASE("an initializer that is killed once costs a worker and no call", BEYOND(12)) {
    support::ProcessCounter begun;
    cf::ProcessPoolExecutor pool(TestType::with(
        {.max_workers = 2, .initializer = cf::bind_task(die_the_first_time, begun.path())}));
    Futures futures;
    for (int i = 0; i < 20; ++i) futures.push_back(pool.submit(multiply, i, 2));
    for (int i = 0; i < 20; ++i)
        CHECK(futures[as_index(i)].result(support::deadline(30s)) == 2 * i);
}

PROCESS_POOL_CASE("an initializer that is killed every time fails all calls and says so",
                  BEYOND(12)) {
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 2, .initializer = cf::bind_task(always_die)}));
    CHECK_THAT(error_of<cf::BrokenProcessPool>(pool.submit(multiply, 1, 2)).what(),
               ContainsSubstring("signal 9") && ContainsSubstring("before it was ready"));
}

PROCESS_POOL_CASE(
    "an initializer that throws in one worker of several leaves no call without an end",
    BEYOND(12)) {
    support::ProcessCounter begun;
    cf::ProcessPoolExecutor pool(TestType::with(
        {.max_workers = 3, .initializer = cf::bind_task(throw_unless_first, begun.path())}));
    support::ProcessGate gate;
    Futures futures;
    for (int i = 0; i < 20; ++i) futures.push_back(pool.submit(stay_at, gate.path(), i));
    for (const auto& future : futures)
        error_of<cf::BrokenProcessPool>(future);  // all wait at the gate
    CHECK_THAT(thrown_by<cf::BrokenProcessPool>([&] { pool.submit(multiply, 1, 2); }).what(),
               ContainsSubstring("only one licence"));
}

PROCESS_POOL_CASE("an initializer that never ends can be given up", BEYOND(12)) {
    support::ProcessGate gate;
    cf::ProcessPoolExecutor pool(TestType::with(
        {.max_workers = 2,
         .initializer = cf::bind_task(support::wait_at_gate, gate.path(), 3'600'000ms)}));
    const auto waiting = pool.submit(multiply, 1, 2);
    CHECK_THROWS_AS(pool.shutdown_for(10ms), cf::TimeoutError);
    CHECK_FALSE(waiting.done());
    pool.kill_workers();
    pool.shutdown();
    CHECK(waiting.cancelled());
}

// ---- 13 ----

EXECUTOR_CASE("a limit of nothing or less only looks, and one beyond all clocks is no limit",
              BEYOND(13)) {
    BusyPool<TestType> busy;
    const auto& call = busy.call();
    const auto unlimited = std::chrono::nanoseconds::max();
    const auto iterate = [&](cf::Duration timeout) {
        for (const auto& ended : cf::as_completed(Futures{call}, timeout)) ended.result();
    };
    for (const std::chrono::nanoseconds timeout : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
        CHECK_THROWS_AS(call.result(timeout), cf::TimeoutError);
        CHECK_THROWS_AS(call.exception(timeout), cf::TimeoutError);
        CHECK(call.wait_for(timeout) == std::future_status::timeout);
        CHECK(cf::wait(Futures{call}, {.timeout = timeout}).done.empty());
        CHECK_THROWS_AS(iterate(timeout), cf::TimeoutError);
    }
    CHECK_THROWS_AS(call.result(std::chrono::hours::min()), cf::TimeoutError);
    CHECK_THROWS_AS(call.result(std::chrono::duration<double>(-1e300)), cf::TimeoutError);
    CHECK(call.wait_until(std::chrono::system_clock::time_point::min()) ==
          std::future_status::timeout);
    auto results = busy.pool.map({.timeout = unlimited}, multiply, std::vector{6}, std::vector{7});
    CHECK_THROWS_AS(busy.pool.map({.timeout = -1ns}, multiply, std::vector{1}, std::vector{1}),
                    std::invalid_argument);
    CHECK_THROWS_AS(busy.pool.shutdown_for(-1h), cf::TimeoutError);
    CHECK_THROWS_AS(busy.pool.shutdown_for(0s), cf::TimeoutError);

    std::jthread opens([&] { busy.open(); });
    CHECK(call.result(std::chrono::hours::max()) == 7);
    CHECK(call.result(std::chrono::duration<double>(1e300)) == 7);
    CHECK(call.exception(std::chrono::seconds::max()) == nullptr);
    CHECK(call.wait_until(std::chrono::steady_clock::time_point::max()) ==
          std::future_status::ready);
    CHECK(cf::wait(Futures{call}, {.timeout = unlimited}).done.size() == 1);
    CHECK_NOTHROW(iterate(unlimited));
    CHECK(collected(std::move(results)) == std::vector{42});
    busy.pool.shutdown_for(std::chrono::hours::max());
}

// ---- 14 ----

/// A handler of the program's own, for as long as this lives.
class Handler {
  public:
    Handler(int signal, void (*handler)(int)) : signal_(signal) {
        struct sigaction action {};
        action.sa_handler = handler;  // no SA_RESTART: every call in the way is interrupted
        ::sigaction(signal, &action, &before_);
    }
    ~Handler() { ::sigaction(signal_, &before_, nullptr); }
    Handler(const Handler&) = delete;
    Handler& operator=(const Handler&) = delete;

  private:
    const int signal_;
    struct sigaction before_ {};
};

void reap_everybody(int) {
    const int error = errno;
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    errno = error;
}
std::atomic<int> pipe_signals{0};
std::atomic<int> alarms{0};

PROCESS_POOL_CASE("a program that reaps all children itself takes no call from its pool",
                  BEYOND(14)) {
    const Handler handler(SIGCHLD, reap_everybody);
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2, .max_tasks_per_child = 3}));
    Futures futures;
    for (int i = 0; i < 20; ++i) futures.push_back(pool.submit(multiply, i, 2));
    for (int i = 0; i < 20; ++i)
        CHECK(futures[as_index(i)].result(support::deadline(30s)) == 2 * i);
    BusyWorker victim(pool);
    ::kill(victim.pid(), SIGKILL);
    CHECK(error_of<cf::WorkerDiedError>(victim.call()).pid() == victim.pid());
    CHECK(pool.submit(multiply, 6, 7).result(support::deadline(30s)) == 42);
    pool.shutdown();
}

PROCESS_POOL_CASE("the pipe of a dead worker raises no SIGPIPE in the pool's process", BEYOND(14)) {
    const Handler handler(SIGPIPE, [](int) { ++pipe_signals; });
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    for (int i = 0; i < 10; ++i) {
        BusyWorker busy(pool);
        const auto big = pool.submit(size_of, std::vector<char>(2'000'000));
        ::kill(busy.pid(), SIGKILL);
        error_of<cf::WorkerDiedError>(busy.call());
        CHECK(big.result(support::deadline(30s)) == 2'000'000);
    }
    CHECK(pipe_signals == 0);
}

EXECUTOR_CASE("signals that interrupt every call of the system stop nothing", BEYOND(14)) {
    const Handler handler(SIGALRM, [](int) { ++alarms; });
    TestType pool(2);
    alarms = 0;
    const itimerval each{{0, 500}, {0, 500}};
    ::setitimer(ITIMER_REAL, &each, nullptr);
    for (int round = 0; round < 1000 && (round < 20 || alarms < 20); ++round) {
        Futures futures;
        for (int i = 0; i < 20; ++i) futures.push_back(pool.submit(multiply, i, round));
        for (int i = 0; i < 20; ++i) CHECK(futures[as_index(i)].result() == i * round);
        CHECK(cf::wait(futures).not_done.empty());
    }
    pool.shutdown();
    const itimerval none{};
    ::setitimer(ITIMER_REAL, &none, nullptr);
    CHECK(alarms >= 20);
}

PROCESS_POOL_CASE("all descriptors of a pool are closed in programs that others start",
                  BEYOND(14)) {
    const auto before = support::ProcessResources::now().descriptors;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    BusyWorker one(pool), two(pool);
    int own = 0;
    for (const auto& [fd, meaning] : support::ProcessResources::now().descriptors) {
        if (before.contains(fd)) continue;
        const int flags = ::fcntl(fd, F_GETFD);
        if (flags < 0) continue;  // the pool closed it meanwhile
        INFO(fd << ": " << meaning);
        CHECK((flags & FD_CLOEXEC) != 0);
        ++own;
    }
    CHECK(own >= 5);  // two ends of pipes for each worker, and what wakes the pool
}

// ---- 15 ----

std::size_t resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::size_t total = 0, resident = 0;
    file >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

template <class Pool>
void check_bounded(Pool& pool, int calls, std::size_t bound) {
    const std::size_t before = resident_bytes();
    std::size_t most = 0;
    for (int i = 0; i < calls; ++i) {
        pool.submit(multiply, i, 1);
        if (i % 64 == 0) most = std::max(most, pool.stats().pending);
    }
    CHECK(most <= bound);
    pool.shutdown();
    CHECK(pool.stats().completed == as_index(calls));
    // Sanitizers keep freed memory back.
    if (!support::sanitized) CHECK(resident_bytes() < before + 64'000'000);
}

// #73781
CPYTHON_CASE("a million calls nobody looks at need no memory when there is a bound: threads",
             BEYOND(15)) {
    cf::ThreadPoolExecutor pool({.max_workers = 2, .max_pending = 1000});
    check_bounded(pool, support::sanitized ? 50'000 : 1'000'000, 1000);
}

// #73781
PROCESS_POOL_CASE("many calls nobody looks at need no memory when there is a bound: processes",
                  BEYOND(15)) {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2, .max_pending = 1000}));
    // Besides those that wait in the pool, those that are sent: up to 64 for each worker (worker_pace.hpp).
    check_bounded(pool, support::sanitized ? 5'000 : 100'000, 1000 + 2 * 64);
}

}  // namespace
}  // namespace cpython
