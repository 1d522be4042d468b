// SPDX-License-Identifier: MIT
//
// program.hpp: runs a scenario of a whole program once for each executor, each in a process of its
// own.
//
//     template <class Pool> int scenario(const std::string& name) { static Pool pool(2); … }
//     int main(int argc, char** argv) { return CPYTHON_PROGRAM(argc, argv, scenario); }
//
// Prints "threads: exit code 0" and so on. ThreadSanitizer cannot follow a fork, so forked
// processes are left out under it, which is printed.
#pragma once

#include <sys/wait.h>
#include <unistd.h>
#include <concurrent/futures.hpp>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>

namespace cpython {

namespace cf = concurrent::futures;

struct Threads : cf::ThreadPoolExecutor {
    explicit Threads(cf::Count workers) : cf::ThreadPoolExecutor(workers) {}
};
struct Spawned : cf::ProcessPoolExecutor {
    explicit Spawned(cf::Count workers)
        : cf::ProcessPoolExecutor(cf::ProcessPoolOptions{.max_workers = workers,
                                                         .start_method = cf::StartMethod::spawn}) {}
};
struct Forked : cf::ProcessPoolExecutor {
    explicit Forked(cf::Count workers)
        : cf::ProcessPoolExecutor(cf::ProcessPoolOptions{.max_workers = workers,
                                                         .start_method = cf::StartMethod::fork}) {}
};

/// In one write, so that lines of several processes do not mix.
inline void say(const std::string& text) {
    const std::string line = text + "\n";
    if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::abort();
}

using Scenarios = std::map<std::string, std::function<int(const std::string&)>>;

inline int run_each(int argc, char** argv, const Scenarios& scenarios) {
    cf::process_main(argc, argv);
    if (argc > 1) return scenarios.at(argv[1])(argv[1]);
    for (const auto& [name, scenario] : scenarios) {
        const pid_t child = ::fork();
        if (child == 0) {
            std::string argument = name;
            char* const arguments[] = {argv[0], argument.data(), nullptr};
            ::execv("/proc/self/exe", arguments);
            ::_exit(127);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        say(name + (WIFEXITED(status) ? ": exit code " + std::to_string(WEXITSTATUS(status))
                                      : ": signal " + std::to_string(WTERMSIG(status))));
    }
    if (!scenarios.contains("fork")) say("fork: left out, ThreadSanitizer cannot follow it");
    return 0;
}

#if CONCURRENT_FUTURES_TSAN
#define CPYTHON_PROGRAM(argc, argv, scenario) \
    cpython::run_each(                        \
        argc, argv,                           \
        {{"threads", scenario<cpython::Threads>}, {"spawn", scenario<cpython::Spawned>}})
#else
#define CPYTHON_PROGRAM(argc, argv, scenario)                   \
    cpython::run_each(argc, argv,                               \
                      {{"threads", scenario<cpython::Threads>}, \
                       {"spawn", scenario<cpython::Spawned>},   \
                       {"fork", scenario<cpython::Forked>}})
#endif

}  // namespace cpython
