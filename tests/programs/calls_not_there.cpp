// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^(0 wrong|skipped: .*)$
// expect-no-output: ^wrong
// timeout-seconds: 120
//
// Pools of threads and processes on a system that lacks one call after the other (ENOSYS): where there is another way, it
// is taken; where there is none, the constructor throws and names the call. What is left out says so.
// tests/builds/posix_fallbacks.py compiles this file without anything that only Linux has.
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <future>
#include <numeric>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "support/deadline.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds limit = support::deadline(30s);
/// ThreadSanitizer cannot follow a fork into a process that then makes threads.
constexpr bool with_fork = !CONCURRENT_FUTURES_TSAN;

struct Call {
    const char* name;
    long number;
    bool needed = false;  // there is no other way: a process pool refuses
};
constexpr Call calls[]{
    {"pidfd_open", SYS_pidfd_open},
    {"pidfd_send_signal", SYS_pidfd_send_signal},
    {"memfd_create", SYS_memfd_create},
#if defined(SYS_close_range)
    {"close_range", SYS_close_range},
#endif
    {"sched_getaffinity", SYS_sched_getaffinity},
    {"sched_setaffinity", SYS_sched_setaffinity},
    {"sched_getattr", SYS_sched_getattr},
    {"capget", SYS_capget},
    {"getxattr", SYS_getxattr},
    {"madvise", SYS_madvise},
#if defined(SYS_membarrier)
    {"membarrier", SYS_membarrier},
#endif
    {"prctl", SYS_prctl},
    {"eventfd", SYS_eventfd2, CONCURRENT_FUTURES_LINUX != 0},
    {"pipe", SYS_pipe2, true},
};

int square(int n) { return n * n; }
std::vector<char> same(const std::vector<char>& bytes) { return bytes; }
int die(int how) {
    if (how == 0) ::kill(::getpid(), SIGKILL);
    ::_exit(how);
}
int run_for_ever() {
    for (;;) ::pause();
}

int wrong = 0;
void check(bool right, const std::string& text) {
    if (right) return;
    ++wrong;
    std::printf("wrong: %s\n", text.c_str());
}

template <class Error, class Future>
bool fails_with(const Future& future) {
    try {
        future.result(limit);
    } catch (const Error&) {
        return true;
    }
    return false;
}

void use_threads(const std::string& name) {
    cf::ThreadPoolExecutor pool(2);
    std::vector<int> numbers(20'000);  // so many that workers own blocks of them
    std::iota(numbers.begin(), numbers.end(), 0);
    std::int64_t sum = 0;
    for (const int y : pool.map(square, numbers)) sum += y;
    check(sum == 2'666'466'670'000, name + ", threads: a map");
    const auto outer = pool.submit([&] { return pool.submit(square, 4).result(limit); });
    check(outer.result(limit) == 16, name + ", threads: a nested task");
    const auto slow = pool.submit(cf::TaskOptions{.timeout = 1ms}, [](std::stop_token stop) {
        while (!stop.stop_requested()) std::this_thread::yield();
        throw cf::CancelledError();
    });
    check(slow.wait_for(limit) == std::future_status::ready, name + ", threads: a task is stopped");
}

/// Calls, a large value, a death, a task that is killed at its deadline.
void use_processes(const std::string& name, cf::StartMethod method) {
    cf::ProcessPoolExecutor pool({.max_workers = 2, .start_method = method});
    std::vector<cf::Future<int>> futures;
    for (int n = 0; n < 20; ++n) futures.push_back(pool.submit(square, n));
    for (int n = 0; n < 20; ++n)
        check(futures[static_cast<std::size_t>(n)].result(limit) == n * n, name + ": a result");
    const std::vector<char> large(std::size_t{1} << 20, 'x');
    check(pool.submit(same, large).result(limit) == large, name + ": a large value");
    for (const int how : {0, 3}) check(fails_with<cf::WorkerDiedError>(pool.submit(die, how)), name + ": a death");
    const auto late = pool.submit(cf::TaskOptions{.timeout = 50ms}, run_for_ever);
    check(fails_with<cf::TaskTimeoutError>(late), name + ": a task is killed");
    check(pool.submit(square, 5).result(limit) == 25, name + ": the next task");
}

/// Empty, or how it was refused.
std::string use_all(const std::string& name) {
    try {
        use_threads(name);
        use_processes(name + ", spawn", cf::StartMethod::spawn);
        if (with_fork) use_processes(name + ", fork", cf::StartMethod::fork);
        return {};
    } catch (const std::exception& error) {
        return error.what();
    }
}

/// From now on the call gives ENOSYS, here and in all that this process starts.
bool take_away(const Call& call) {
    sock_filter code[]{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call.number), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{sizeof code / sizeof *code, code};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/// In a process of its own, as no filter can be taken back. False: no filters here.
bool try_without(const Call& call) {
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) {
        wrong = 0;
        if (!take_away(call)) ::_exit(77);
        const std::string refusal = use_all(call.name);
        if (call.needed)
            check(refusal.find(call.name) != refusal.npos, std::string(call.name) + " is not named: " + refusal);
        else
            check(refusal.empty(), std::string(call.name) + ": " + refusal);
        std::printf("without %s: %s\n", call.name, refusal.empty() ? "works" : refusal.c_str());
        std::fflush(stdout);
        ::_exit(wrong);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) return false;
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0,
          std::string("without ") + call.name + ": ended with status " + std::to_string(status));
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    for (const Call& call : calls) {
        if (support::thread_sanitized && call.number == SYS_madvise) {
            std::puts("without madvise: left out, ThreadSanitizer needs it");
            continue;
        }
        if (try_without(call)) continue;
        std::puts("skipped: no seccomp filter here");
        return 77;
    }
    std::puts("without futex: left out, the C library's own locks end the program then");
    if (!with_fork) std::puts("fork: left out, ThreadSanitizer cannot follow it");
    const std::string refusal = use_all("with all of them");
    check(refusal.empty(), refusal);
    std::printf("%d wrong\n", wrong);
    return wrong == 0 ? 0 : 1;
}
