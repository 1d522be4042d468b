// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^[0-9]+ programs, 0 wrong$
// expect-no-output: ^wrong
// timeout-seconds: 180
//
// Programs that end in the midst of their pools' work, or whose pools live as long as they do. Each is this program,
// started again with its name. It must end with the code that it chose, or by the signal, and leave no worker.
#include <concurrent/futures.hpp>
#include <concurrent/futures/default_pool.hpp>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/deadline.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"
#include "support/processes.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

namespace {

int square(int n) { return n * n; }
int exit_in_worker(int code) { std::exit(code); }
int wait_for_ever() {
    for (;;) ::pause();
}

// Destroyed in the opposite order: the pools first, then what they use.
cf::Future<int> future_at_namespace_scope;
std::atomic<int> ran_at_exit{0};
cf::ThreadPoolExecutor pool_at_namespace_scope(2);

/// Never opened; not destroyed, for threads wait at it until the end of the program.
support::Gate& shut_gate() {
    static auto* const gate = new support::Gate("never opened");
    return *gate;
}
/// A pool on the heap, whose worker is busy for ever.
cf::ThreadPoolExecutor& busy_threads() {
    static cf::ThreadPoolExecutor* pool;  // not lost, as a leak checker sees it
    pool = new cf::ThreadPoolExecutor(1);
    support::Gate running("the task runs");
    pool->post([&running] {
        running.open();
        shut_gate().wait(24h);
    });
    running.wait();
    for (int i = 0; i < 10; ++i) pool->post(square, i);
    return *pool;
}
cf::ProcessPoolExecutor& busy_processes() {
    static cf::ProcessPoolExecutor* pool;
    pool = new cf::ProcessPoolExecutor({.max_workers = 2, .start_method = cf::StartMethod::spawn});
    const auto running = pool->submit(wait_for_ever);
    if (!support::eventually([&] { return running.running(); })) std::abort();
    for (int i = 0; i < 10; ++i) pool->post(square, i);
    return *pool;
}
int fail() { throw std::runtime_error("expected: thrown through noexcept"); }
int fail_in_noexcept() noexcept { return fail(); }

struct Program {
    const char* name;
    int expected;  // an exit code, or minus a signal
    std::function<int()> main;
};

const std::vector<Program>& programs() {
    static const std::vector<Program> all{
        {"a pool at namespace scope has queued tasks", 0,
         [] {
             for (int i = 0; i < 100; ++i) pool_at_namespace_scope.post([] { ++ran_at_exit; });
             return 0;
         }},
        {"a static pool in a function has queued tasks", 0,
         [] {
             static cf::ThreadPoolExecutor pool(2);
             for (int i = 0; i < 100; ++i) pool.post([] { ++ran_at_exit; });
             return 0;
         }},
        {"a static process pool in a function has queued tasks", 0,
         [] {
             static cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
             for (int i = 0; i < 20; ++i) pool.post(square, i);
             return 0;
         }},
        {"a thread_local pool of the main thread", 0,
         [] {
             thread_local cf::ThreadPoolExecutor pool(1);
             pool.post(square, 2);
             return 0;
         }},
        {"a thread_local pool of another thread", 0,
         [] {
             std::thread([] {
                 thread_local cf::ThreadPoolExecutor pool(1);
                 pool.post(square, 2);
             }).join();
             return 0;
         }},
        {"exit() in main while a task runs", 3,
         [] {
             busy_threads();
             std::exit(3);
             return 0;
         }},
        {"exit() in main while a process runs a task", 3,
         [] {
             busy_processes();
             std::exit(3);
             return 0;
         }},
        {"exit() in a task of a local pool", 4,
         [] {
             cf::ThreadPoolExecutor pool(1);
             pool.submit(exit_in_worker, 4).result();
             return 0;
         }},
        {"exit() in a task of a pool at namespace scope", 4,
         [] {
             pool_at_namespace_scope.submit(exit_in_worker, 4).result();
             return 0;
         }},
        {"exit() in a callback", 5,
         [] {
             cf::ThreadPoolExecutor pool(1);
             const auto future = pool.submit(square, 2);
             future.add_done_callback([](const cf::Future<int>&) { std::exit(5); });
             shut_gate().wait(24h);
             return 0;
         }},
        {"exit() in a callback of a process pool", 5,
         [] {
             cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
             pool.submit(square, 2).add_done_callback([](const cf::Future<int>&) { std::exit(5); });
             shut_gate().wait(24h);
             return 0;
         }},
        {"exit() in a task of a process pool", 6,
         [] {
             cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
             try {
                 return pool.submit(exit_in_worker, 6).result();
             } catch (const cf::WorkerDiedError& error) {
                 return error.exit_code().value_or(0);
             }
         }},
        {"exit() in a handler of a signal", 7,
         [] {
             busy_threads();
             ::signal(SIGUSR1, [](int) { std::exit(7); });
             ::raise(SIGUSR1);
             return 0;
         }},
        {"quick_exit() in main", 8,
         [] {
             busy_threads();
             busy_processes();
             std::quick_exit(8);
             return 0;
         }},
        {"quick_exit() in a task", 8,
         [] {
             pool_at_namespace_scope.submit([] { std::quick_exit(8); }).result();
             return 0;
         }},
        {"_exit() in main", 9,
         [] {
             busy_threads();
             busy_processes();
             ::_exit(9);
             return 0;
         }},
        {"abort() in main", -SIGABRT,
         [] {
             busy_threads();
             busy_processes();
             std::abort();
             return 0;
         }},
        {"std::terminate() in main", -SIGABRT,
         [] {
             busy_processes();
             std::terminate();
             return 0;
         }},
        {"a task throws through noexcept", -SIGABRT,
         [] {
             return pool_at_namespace_scope.submit(fail_in_noexcept).result();
         }},
        {"an exception leaves main", -SIGABRT,
         []() -> int {
             busy_processes();
             throw std::runtime_error("expected: thrown through main");
         }},
        {"an exception passes a pool with queued tasks", 10,
         [] {
             try {
                 cf::ThreadPoolExecutor pool(1);
                 for (int i = 0; i < 20; ++i) pool.post(square, i);
                 throw 10;
             } catch (int code) {
                 return code;
             }
         }},
        {"main returns while futures of a pool that is never destroyed are pending", 0,
         [] {
             future_at_namespace_scope = busy_threads().submit(square, 3);
             return 0;
         }},
        {"main returns while a detached thread waits for a future", 0,
         [] {
             std::thread([future = busy_threads().submit(square, 3)] { future.wait(); }).detach();
             return 0;
         }},
        {"main returns while a detached thread waits for a pool", 0,
         [] {
             std::thread([pool = &busy_processes()] { pool->shutdown(); }).detach();
             return 0;
         }},
        {"a pool is destroyed in its own worker", 0,
         [] {
             auto pool = std::make_unique<cf::ThreadPoolExecutor>(1);
             support::Gate destroyed("the pool is destroyed");
             pool->post([&] {
                 pool.reset();
                 destroyed.open();
             });
             destroyed.wait();
             return 0;
         }},
        {"a static pool uses another one that was made before", 0,
         [] {
             static cf::ThreadPoolExecutor inner(1), outer(1);
             for (int i = 0; i < 20; ++i)
                 outer.post([] {
                     if (inner.submit(square, 3).result() != 9) ::_exit(20);
                 });
             return 0;
         }},
        {"a future outlives its pool and is read by an exit handler", 11,
         [] {
             static cf::Future<int> future;
             std::atexit([] { ::_exit(future.result() == 9 ? 11 : 20); });
             static cf::ThreadPoolExecutor pool(1);  // destroyed before the handler runs
             future = pool.submit(square, 3);
             return 0;
         }},
        {"an exit handler submits to a pool that still lives", 12,
         [] {
             std::atexit([] { ::_exit(pool_at_namespace_scope.submit(square, 3).result() == 9 ? 12 : 20); });
             return 0;
         }},
        {"a static promise is broken at the end", 13,
         [] {
             static cf::Promise<int> promise;
             promise.get_future().add_done_callback([](const cf::Future<int>& future) {
                 ::_exit(future.exception() != nullptr ? 13 : 20);
             });
             return 0;
         }},
        {"the default pool has queued tasks", 0,
         [] {
             for (int i = 0; i < 20; ++i) cf::default_pool().post(square, i);
             return 0;
         }},
        {"a forked child ends by exit() beside the parent's pool", 14,
         [] {
             pool_at_namespace_scope.submit(square, 2).result();
             const pid_t child = ::fork();
             if (child == 0) std::exit(14);
             int status = 0;
             ::waitpid(child, &status, 0);
             return WEXITSTATUS(status);
         }},
    };
    return all;
}

std::string text_of(int status) {
    return WIFEXITED(status) ? "exit code " + std::to_string(WEXITSTATUS(status)) : ::strsignal(WTERMSIG(status));
}

/// What is wrong; empty if nothing is.
std::string run(const Program& program) {
    constexpr std::chrono::milliseconds patience = support::deadline(30s);
    const pid_t child = ::fork();
    if (child == 0) {
        ::execl("/proc/self/exe", "exit_orders", program.name, static_cast<char*>(nullptr));
        ::_exit(127);
    }
    int status = 0;
    bool ended = false;
    const auto reap = [&] {
        int its_own = 0;
        for (pid_t pid; (pid = ::waitpid(-1, &its_own, WNOHANG)) > 0;) {
            if (pid != child) continue;
            ended = true;
            status = its_own;
        }
    };
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!ended && std::chrono::steady_clock::now() < end) {
        ::poll(nullptr, 0, 1);  // nothing else is to be done meanwhile
        reap();
    }
    if (!ended) {
        ::kill(child, SIGKILL);
        ::waitpid(child, &status, 0);
        return "it does not end";
    }
    if ((WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status)) != program.expected) return text_of(status);
    const auto nothing_left = [&] {
        reap();
        return support::children_of(::getpid()).empty();
    };
    return support::eventually(nothing_left, patience) ? "" : "a process is left behind";
}

int run_all() {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    int wrong = 0;
    for (const Program& program : programs()) {
        if (support::thread_sanitized && std::strstr(program.name, "handler of a signal")) continue;  // it objects to that
        const std::string why = run(program);
        if (why.empty()) continue;
        ++wrong;
        std::printf("wrong: %s: %s\n", program.name, why.c_str());
    }
    std::printf("%zu programs, %d wrong\n", programs().size(), wrong);
    return wrong != 0;
}

}  // namespace

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    if (argc < 2) return run_all();
    for (const Program& program : programs())
        if (program.name == std::string(argv[1])) return program.main();
    return 127;
}
