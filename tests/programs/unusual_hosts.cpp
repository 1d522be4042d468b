// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^0 wrong$
// timeout-seconds: 60
//
// Process pools in programs that are not as programs usually are: a library that reaps every child, ignored
// SIGCHLD, Ctrl-C to the whole group, no environment, few descriptors, a fork of the program's own that
// calls exit(), no /proc, a control group with little memory. What is left out on a machine says so.
#include <concurrent/futures/process_pool_executor.hpp>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "support/deadline.hpp"
#include "support/process_log.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds limit = support::deadline(30s);

int square(int n) { return n * n; }
int die(int how) {
    if (how == 0) ::kill(::getpid(), SIGKILL);
    ::_exit(how);
}
int interrupt_everybody(int n) {
    ::kill(0, SIGINT);
    return n;
}

int wrong = 0;
void check(bool right, const std::string& text) {
    if (right) return;
    ++wrong;
    std::printf("wrong: %s\n", text.c_str());
}

/// Calls come back, a death fails its call alone.
void check_pool(const std::string& host, cf::StartMethod method) {
    const std::string name = host + (method == cf::StartMethod::fork ? ", fork" : ", spawn");
    try {
        cf::ProcessPoolExecutor pool({.max_workers = 2, .start_method = method});
        std::vector<cf::Future<int>> calls;
        for (int i = 0; i < 20; ++i) calls.push_back(pool.submit(square, i));
        for (const int how : {0, 3}) {
            const auto victim = pool.submit(die, how);
            try {
                victim.result(limit);
                check(false, name + ": the victim lives");
            } catch (const cf::WorkerDiedError&) {
            }
        }
        for (int i = 20; i < 40; ++i) calls.push_back(pool.submit(square, i));
        for (int i = 0; i < 40; ++i)
            check(calls[static_cast<std::size_t>(i)].result(limit) == i * i, name + ": a result");
    } catch (const std::exception& error) {
        check(false, name + ": " + error.what());
    }
}
void check_pools(const std::string& host) {
    check_pool(host, cf::StartMethod::spawn);
    if (!CONCURRENT_FUTURES_TSAN) check_pool(host, cf::StartMethod::fork);
}

/// Each host is a process of its own, as what it does cannot be undone.
template <class Host>
void in_child(const std::string& name, Host host) {
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) {
        wrong = 0;
        host(name);
        std::fflush(stdout);
        ::_exit(wrong);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0,
          name + ": the host ended with status " + std::to_string(status));
}

// ---- hosts ----

void ignores_sigchld(const std::string& name) {
    ::signal(SIGCHLD, SIG_IGN);
    check_pools(name);
}
void wants_no_zombies(const std::string& name) {
    struct sigaction action{};
    action.sa_handler = SIG_DFL;
    action.sa_flags = SA_NOCLDWAIT;
    ::sigaction(SIGCHLD, &action, nullptr);
    check_pools(name);
}

/// As libraries do that handle SIGCHLD by waiting for whatever child there is.
void reaps_all_children(const std::string& name) {
    std::atomic<bool> over{false};
    std::thread reaper([&] {
        while (!over) {
            if (::waitpid(-1, nullptr, WNOHANG) <= 0) std::this_thread::yield();
        }
    });
    check_pool(name, cf::StartMethod::spawn);  // fork needs a process with one thread
    over = true;
    reaper.join();
}

void has_no_environment(const std::string& name) {
    ::clearenv();
    check_pools(name);
    environ = nullptr;
    check_pools(name + ", not even an empty one");
}

std::atomic<int> interrupts{0};
void is_interrupted(const std::string& name) {
    ::setpgid(0, 0);
    ::signal(SIGINT, [](int) { ++interrupts; });
    for (const auto method : {cf::StartMethod::spawn, cf::StartMethod::fork}) {
        if (CONCURRENT_FUTURES_TSAN && method == cf::StartMethod::fork) continue;
        interrupts = 0;
        cf::ProcessPoolExecutor pool({.max_workers = 2, .start_method = method});
        for (int i = 0; i < 10; ++i)
            check(pool.submit(interrupt_everybody, i).result(limit) == i, name + ": a call");
        check(interrupts > 0, name + ": the program did not hear of it");
        check(pool.stats().worker_restarts == 0, name + ": workers died");
    }
}

/// Whatever is missing: an exception, or all calls end.
void has_few_descriptors(const std::string& name) {
    int right = 0;
    int refused = 0;
    for (rlim_t most = 4; most < 40; most += 3) {
        const rlimit few{most, 1024};
        ::setrlimit(RLIMIT_NOFILE, &few);
        try {
            cf::ProcessPoolExecutor pool({.max_workers = 2, .start_method = cf::StartMethod::spawn});
            std::vector<cf::Future<int>> calls;
            for (int i = 0; i < 10; ++i) calls.push_back(pool.submit(square, i));
            for (int i = 0; i < 10; ++i)
                check(calls[static_cast<std::size_t>(i)].result(limit) == i * i, name + ": a result");
            ++right;
        } catch (const cf::BrokenProcessPool&) {
            ++refused;
        } catch (const std::system_error&) {
            ++refused;
        }
    }
    check(right > 0 && refused > 0, name + ": " + std::to_string(right) + " pools worked, " +
                                        std::to_string(refused) + " were refused");
}

/// One pool is static, one belongs to a function that never returns: exit() in a fork of the program has
/// copies of both.
void forks_and_exits(const std::string& name) {
    if (support::sanitized) {
        std::printf("%s: left out, sanitizers do not follow a fork of a process with threads\n", name.c_str());
        return;
    }
    static cf::ProcessPoolExecutor lasting({.max_workers = 1, .start_method = cf::StartMethod::spawn});
    cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
    check(lasting.submit(square, 2).result(limit) + pool.submit(square, 3).result(limit) == 13, name);
    const auto pids = lasting.worker_pids();
    const pid_t child = ::fork();
    if (child == 0) std::exit(7);
    int status = 0;
    ::waitpid(child, &status, 0);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 7, name + ": the fork did not end well");
    check(lasting.submit(square, 4).result(limit) + pool.submit(square, 5).result(limit) == 41, name);
    check(lasting.worker_pids() == pids, name + ": the worker is another one");
    lasting.shutdown();  // _exit() runs no destructors
}

bool hide_proc() {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount("none", "/proc", "tmpfs", 0, nullptr) == 0;
}
const char* own_path = "";
void has_no_proc(const std::string& name) {
    if (support::sanitized || !hide_proc()) {
        std::printf("%s: left out, it takes the right to mount something on /proc, and no sanitizer\n",
                    name.c_str());
        return;
    }
    check_pools(name);  // it was there when the program started
    std::fflush(stdout);
    ::execl(own_path, "unusual_hosts", "without /proc from the start", nullptr);
    check(false, name + ": exec");
}

// ---- out of memory ----

int use_memory(std::size_t bytes) {
    std::vector<char> memory(bytes);
    for (std::size_t i = 0; i < bytes; i += 512) memory[i] = 1;
    return memory[bytes / 2 / 512 * 512];
}
bool write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text << std::flush;
    return file.good();
}
bool machine_swaps() {
    std::ifstream file("/proc/swaps");
    std::size_t lines = 0;
    for (std::string line; std::getline(file, line);) ++lines;
    return lines > 1;
}
/// Moves this process into a new control group with so little memory, and no more to swap to; where it is, or
/// nothing.
std::string enter_small_group(const std::string& root, const char* limit_file, const char* swap_file,
                              const std::string& swap, std::size_t bytes) {
    const std::string group = root + "/concurrent_futures_test_" + std::to_string(::getpid());
    if (::mkdir(group.c_str(), 0700) != 0) return {};
    const bool limited = write_file(group + "/" + limit_file, std::to_string(bytes));
    const bool no_swap = write_file(group + "/" + swap_file, swap) || !machine_swaps();
    if (limited && no_swap && write_file(group + "/cgroup.procs", std::to_string(::getpid()))) return group;
    ::rmdir(group.c_str());
    return {};
}
void runs_out_of_memory(const std::string& name) {
    constexpr std::size_t bytes = std::size_t{64} << 20;
    std::string group;
    if (!support::sanitized)
        group = enter_small_group("/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                                  "memory.memsw.limit_in_bytes", std::to_string(bytes), bytes);
    if (!support::sanitized && group.empty())
        group = enter_small_group("/sys/fs/cgroup", "memory.max", "memory.swap.max", "0", bytes);
    if (group.empty()) {
        std::printf("%s: left out, it takes the right to make a control group, and no sanitizer\n",
                    name.c_str());
        return;
    }
    std::printf("%s: in a control group with 64 MiB\n", name.c_str());
    for (const auto method : {cf::StartMethod::spawn, cf::StartMethod::fork}) {
        cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = method});
        for (const bool really : {true, false}) {
            try {
                really ? pool.submit(use_memory, 2 * bytes).result(limit) : pool.submit(die, 0).result(limit);
                check(false, name + ": no death");
            } catch (const cf::WorkerDiedError& error) {
                const std::string words = error.what();
                const char* const wanted =
                    really ? " The kernel's out-of-memory killer sent the signal" :
                             " This pool did not send the signal, nor did the kernel's out-of-memory killer";
                check(words.find(wanted) != words.npos, name + ": " + words);
            }
        }
        check(pool.submit(square, 3).result(limit) == 9, name + ": the next call");
    }
    write_file(group + "/../cgroup.procs", std::to_string(::getpid()));
    ::rmdir(group.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    const std::string executable = cf::detail::program_start().executable;
    own_path = executable.c_str();
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    if (argc > 1) {
        check_pools(argv[1]);
        return wrong;
    }
    if (CONCURRENT_FUTURES_TSAN) std::printf("fork: left out, ThreadSanitizer cannot follow it\n");
    in_child("SIGCHLD ignored", ignores_sigchld);
    in_child("SA_NOCLDWAIT", wants_no_zombies);
    in_child("a thread reaps all children", reaps_all_children);
    in_child("no environment", has_no_environment);
    in_child("Ctrl-C", is_interrupted);
    in_child("few descriptors", has_few_descriptors);
    in_child("a fork that exits", forks_and_exits);
    in_child("no /proc", has_no_proc);
    in_child("out of memory", runs_out_of_memory);
    std::printf("%d wrong\n", wrong);
    return wrong == 0 ? 0 : 1;
}
