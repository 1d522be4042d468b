// SPDX-License-Identifier: MIT
//
// start_environment.hpp: how a spawned copy of this program knows that it is a worker.
//
// One environment variable, CONCURRENT_FUTURES_WORKER="parent pid:depth:allowance", set only for the child
// and removed by it first thing, so that programs the worker starts are not taken for workers. The pipes
// are at fixed descriptor numbers. process_main() marks this process as one that may spawn: without
// that mark no pool ever starts a copy, so a program that forgets the call cannot multiply.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/child_process.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline constexpr const char* worker_variable = "CONCURRENT_FUTURES_WORKER";
/// How many descriptors a worker gets: see WorkerChannel.
inline constexpr std::size_t worker_descriptors = 6;
/// Pools in workers of pools in workers …: deeper than this is a runaway recursion.
inline constexpr int depth_limit = 10;

/// What process_main() learned. Written before main has started threads.
struct ProgramStart {
    bool process_main_ran = false;
    int depth = 0;  // 0: not a worker
    /// In a worker: so many processes may be below it, and so many are for its pools: see process_tree.hpp.
    std::size_t allowance = 0;
    Atomic<std::size_t> taken{0};
    std::vector<std::string> arguments;
    std::string executable;
};

inline ProgramStart& program_start() {
    static ProgramStart* const start = new ProgramStart;  // outlives all static objects
    return *start;
}

struct WorkerOrder {
    int parent;
    int depth;
    std::size_t allowance;
};

/// The order to be a worker, if this process got one. Takes it out of the environment. Ends a worker
/// whose pool has died meanwhile: it must not go on as a second copy of the program.
inline std::optional<WorkerOrder> take_worker_order() {
    const char* const text = std::getenv(worker_variable);
    if (!text) return std::nullopt;
    char* rest = nullptr;
    const long parent = std::strtol(text, &rest, 10);
    const auto next_number = [&rest] { return *rest == ':' ? std::strtol(rest + 1, &rest, 10) : 0; };
    const long depth = next_number();
    const long allowance = next_number();
    ::unsetenv(worker_variable);
    if (parent > 0 && ::kill(static_cast<pid_t>(parent), 0) != 0 && errno == ESRCH)
        ::_exit(EXIT_FAILURE);
    if (parent != ::getppid() || depth < 1 || depth > depth_limit || allowance < 0)
        return std::nullopt;
    return WorkerOrder{static_cast<int>(parent), static_cast<int>(depth),
                       static_cast<std::size_t>(allowance)};
}

inline bool has_worker_order() noexcept { return std::getenv(worker_variable) != nullptr; }

/// The environment of a worker to be spawned, which may have so many processes below itself.
inline std::vector<std::string> worker_environment(std::size_t allowance) {
    std::vector<std::string> variables;
    const std::string ours = std::string(worker_variable) + "=";
    for (char** variable = environ; variable && *variable; ++variable)
        if (std::string_view(*variable).substr(0, ours.size()) != ours)
            variables.emplace_back(*variable);
    variables.push_back(ours + std::to_string(::getpid()) + ":" +
                        std::to_string(program_start().depth + 1) + ":" + std::to_string(allowance));
    return variables;
}

}  // namespace concurrent::futures::inline v1::detail
