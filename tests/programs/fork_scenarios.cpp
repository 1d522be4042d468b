// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^[0-9]+ scenarios, 0 wrong$
// expect-no-output: ^wrong
// timeout-seconds: 180
//
// The program forks beside its pools. Each scenario has a name: what the pool does meanwhile, and what the child does. The
// child must end as it means to, and the pool of the parent must go on.
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "support/deadline.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds limit = support::deadline(30s);

int square(int n) { return n * n; }
int stay(const std::string& gate) {
    support::wait_at_gate(gate);
    return 7;
}

int wrong = 0;
const char* scenario = "";
void check(bool right, const std::string& text) {
    if (right) return;
    ++wrong;
    std::printf("wrong: %s: %s\n", scenario, text.c_str());
}

/// In a forked child; true: it ended with code 0.
template <class Body>
bool child_ends_well(Body body) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(static_cast<unsigned>(std::chrono::duration_cast<std::chrono::seconds>(limit).count()));
        ::_exit(body() ? 0 : 1);
    }
    int status = 0;
    return ::waitpid(child, &status, 0) == child && status == 0;
}

template <class Error, class Work>
bool throws(Work work) {
    try {
        work();
    } catch (const Error&) {
        return true;
    } catch (const std::exception&) {
    }
    return false;
}

// ---- what a child does ----

template <class Pool>
bool refuses_work(Pool& pool) {
    return throws<cf::BrokenExecutor>([&] { pool.submit(square, 2); }) &&
           throws<cf::BrokenExecutor>([&] { pool.map(square, std::vector{1, 2}); }) &&
           throws<cf::BrokenExecutor>([&] { pool.wait_idle(); }) && pool.is_broken();
}
bool makes_thread_pool() {
    cf::ThreadPoolExecutor pool(2);
    return pool.submit(square, 3).result(limit) == 9;
}
bool makes_process_pool() {
    cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
    return pool.submit(square, 3).result(limit) == 9;
}

// ---- the parent ----

template <class Pool>
std::unique_ptr<Pool> make_pool() {
    if constexpr (std::is_same_v<Pool, cf::ThreadPoolExecutor>)
        return std::make_unique<Pool>(2);
    else
        return std::make_unique<Pool>(
            cf::ProcessPoolOptions{.max_workers = 2, .start_method = cf::StartMethod::spawn});
}

/// One worker stays at a gate, and others wait behind it.
template <class Pool>
struct Busy {
    Busy() {
        for (int i = 0; i < 2; ++i) calls.push_back(pool->submit(stay, gate.path()));
        for (const auto& each : calls) check(support::eventually([&] { return each.running(); }), "no task runs");
        for (int i = 0; i < 10; ++i) calls.push_back(pool->submit(stay, gate.path()));
    }
    void end() {
        gate.open();
        for (const auto& each : calls) check(each.result(limit) == 7, "a call of the parent");
        check(pool->submit(square, 4).result(limit) == 16, "the parent's pool afterwards");
    }
    support::ProcessGate gate;
    std::unique_ptr<Pool> pool = make_pool<Pool>();
    std::vector<cf::Future<int>> calls;
};

template <class Pool>
void idle(const std::function<bool(Pool&)>& in_child) {
    const auto pool = make_pool<Pool>();
    check(pool->submit(square, 2).result(limit) == 4, "a call before the fork");
    check(child_ends_well([&] { return in_child(*pool); }), "the child");
    check(pool->submit(square, 3).result(limit) == 9, "a call after the fork");
}
template <class Pool>
void busy(const std::function<bool(std::unique_ptr<Pool>&)>& in_child) {
    Busy<Pool> parent;
    check(child_ends_well([&] { return in_child(parent.pool); }), "the child");
    parent.end();
}

template <class Pool>
bool destroy(std::unique_ptr<Pool>& pool) {
    pool.reset();
    return true;
}
template <class Pool>
bool shut_down(std::unique_ptr<Pool>& pool) {
    pool->shutdown({.cancel_futures = true});
    return true;
}
template <class Pool>
bool execute(std::unique_ptr<Pool>&) {
    ::execl("/bin/true", "true", static_cast<char*>(nullptr));
    return false;
}

void fork_in_a_task() {
    cf::ThreadPoolExecutor pool(2);
    const auto forked = pool.submit([&pool] { return child_ends_well([&] { return refuses_work(pool); }); });
    check(forked.result(limit), "the child");
    check(pool.submit(square, 3).result(limit) == 9, "a call after the fork");
}
template <class Pool>
void fork_in_a_callback() {
    const auto pool = make_pool<Pool>();
    support::Gate ran("the callback has run");
    bool well = false;
    pool->submit(square, 3).add_done_callback([&](const cf::Future<int>&) {
        well = child_ends_well([] { return true; });
        ran.open();
    });
    ran.wait(limit);
    check(well, "the child");
    check(pool->submit(square, 3).result(limit) == 9, "a call after the fork");
}
int fork_in_worker() { return child_ends_well([] { return true; }) ? 1 : 0; }
void fork_in_a_worker_process() {
    const auto pool = make_pool<cf::ProcessPoolExecutor>();
    check(pool->submit(fork_in_worker).result(limit) == 1, "the child of the worker");
    check(pool->submit(square, 3).result(limit) == 9, "a call after the fork");
}
template <class Pool>
void fork_during_submits() {
    const auto pool = make_pool<Pool>();
    std::atomic<bool> stop{false};
    std::atomic<int> sum{0};
    int submitted = 0;
    std::thread submitter([&] {
        for (; !stop; ++submitted)
            pool->submit(square, 1).add_done_callback([&](const cf::Future<int>& ended) { sum += ended.result(); });
    });
    for (int i = 0; i < 200; ++i) check(child_ends_well([&] { return pool->is_broken(); }), "a child");
    stop = true;
    submitter.join();
    pool->shutdown();
    check(sum == submitted, "calls submitted meanwhile: " + std::to_string(sum) + " of " + std::to_string(submitted));
}
void child_outlives_the_pool() {
    int ends[2];
    check(::pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    pid_t child = 0;
    {
        Busy<cf::ProcessPoolExecutor> parent;
        child = ::fork();
        if (child == 0) {  // holds all descriptors of the parent's pool, until the parent has closed its end
            ::close(ends[1]);
            char byte = 0;
            ::_exit(::read(ends[0], &byte, 1) == 0 ? 0 : 1);
        }
        parent.end();
    }
    ::close(ends[1]);
    int status = 0;
    check(::waitpid(child, &status, 0) == child && status == 0, "the child");
    ::close(ends[0]);
}
void child_crashes() {
    Busy<cf::ProcessPoolExecutor> parent;
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGSEGV, SIG_DFL);
        ::raise(SIGSEGV);
    }
    int status = 0;
    check(::waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "the child");
    parent.end();
}

struct Scenario {
    const char* name;
    std::function<void()> run;
    bool child_starts_threads = false;  // which ThreadSanitizer cannot follow
};

}  // namespace

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    using T = cf::ThreadPoolExecutor;
    using P = cf::ProcessPoolExecutor;
    const std::vector<Scenario> all{
        {"idle threads; the child submits", [] { idle<T>(refuses_work<T>); }},
        {"idle threads; the child makes a pool of threads", [] { idle<T>([](T&) { return makes_thread_pool(); }); }, true},
        {"idle threads; the child makes a pool of processes", [] { idle<T>([](T&) { return makes_process_pool(); }); }, true},
        {"busy threads; the child submits", [] { busy<T>([](auto& pool) { return refuses_work(*pool); }); }},
        {"busy threads; the child destroys the pool", [] { busy<T>(destroy<T>); }},
        {"busy threads; the child shuts the pool down", [] { busy<T>(shut_down<T>); }},
        {"busy threads; the child executes another program", [] { busy<T>(execute<T>); }},
        {"fork in a task of threads; the child submits", fork_in_a_task},
        {"fork in a callback of threads", fork_in_a_callback<T>},
        {"fork while another thread submits to threads", fork_during_submits<T>},
        {"idle processes; the child submits", [] { idle<P>(refuses_work<P>); }},
        {"idle processes; the child makes a pool of threads", [] { idle<P>([](P&) { return makes_thread_pool(); }); }, true},
        {"idle processes; the child makes a pool of processes", [] { idle<P>([](P&) { return makes_process_pool(); }); }, true},
        {"busy processes; the child submits", [] { busy<P>([](auto& pool) { return refuses_work(*pool); }); }},
        {"busy processes; the child destroys the pool", [] { busy<P>(destroy<P>); }},
        {"busy processes; the child shuts the pool down", [] { busy<P>(shut_down<P>); }},
        {"busy processes; the child executes another program", [] { busy<P>(execute<P>); }},
        {"fork in a task of processes", fork_in_a_worker_process},
        {"fork in a callback of processes", fork_in_a_callback<P>},
        {"fork while another thread submits to processes", fork_during_submits<P>},
        {"busy processes; the child outlives the pool", child_outlives_the_pool},
        {"busy processes; the child crashes", child_crashes},
    };
    std::size_t count = 0;
    for (const Scenario& each : all) {
        if (support::thread_sanitized && each.child_starts_threads) continue;
        scenario = each.name;
        each.run();
        ++count;
    }
    std::printf("%zu scenarios, %d wrong\n", count, wrong);
    return wrong != 0;
}
