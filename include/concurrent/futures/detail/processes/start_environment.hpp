// SPDX-License-Identifier: MIT
//
// start_environment.hpp: how a spawned copy of this program knows that it is a worker.
//
// One environment variable, CONCURRENT_FUTURES_WORKER="parent pid:depth:allowance[:kind]", set only for the child and
// removed by it first thing, so that programs which the worker starts are not taken for workers. The descriptors
// are at fixed numbers.
//
// The variable alone makes no worker: anybody can set it. What counts is the socket among the descriptors, for
// which the kernel says which process made it: an order is genuine if that is the parent of this process, and
// belongs to the same user and group. A program with the rights of its file ignores the variable altogether, see
// environment.hpp.
//
//     socket made by           this process
//     the parent               becomes a worker
//     a process that is gone   ends: it was a worker of a pool that died, and must not run main as a second copy
//     anybody else             goes on with main: the variable was meant for another process
//     another user             ends with a message
//     this process             becomes a worker: it has made no socket yet, so this kernel names the process that asks (gVisor)
//
// process_main() marks this process as one that may spawn: without that mark no pool ever starts a copy, so a
// program that forgets the call cannot multiply.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/child_process.hpp"
#include "concurrent/futures/detail/platform/descriptor_socket.hpp"
#include "concurrent/futures/detail/platform/environment.hpp"
#include "concurrent/futures/detail/platform/lazy_object.hpp"
#include "concurrent/futures/detail/platform/trace_storage.hpp"
#include "concurrent/futures/detail/platform/valgrind.hpp"
#include "concurrent/futures/detail/processes/launcher_variables.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline constexpr const char* worker_variable = "CONCURRENT_FUTURES_WORKER";
/// Ends the order: '@' and the inline namespace of the library that gave it. A program may have several versions of the
/// library, each with a process_main() of its own, which must leave the orders of the others alone.
inline constexpr std::string_view order_version = "@" CONCURRENT_FUTURES_ABI_TEXT;
/// How many descriptors a worker gets: see WorkerChannel. The last one is the socket that proves the order.
inline constexpr std::size_t worker_descriptors = 6;
inline constexpr int proving_descriptor = first_inherited + static_cast<int>(worker_descriptors) - 1;
/// Pools in workers of pools in workers …: deeper than this is a runaway recursion.
inline constexpr int depth_limit = 10;

/// What process_main() learned. Written before main has started threads.
struct ProgramStart {
    bool process_main_ran = false;
    int depth = 0;  // 0: not a worker
    /// In a worker: how many processes may be below it, and how many are left for its pools: see process_tree.hpp.
    std::size_t allowance = 0;
    Atomic<std::size_t> taken{0};
    std::vector<std::string> arguments;
    std::string executable;
};

inline ProgramStart& program_start() {
    static constinit LazyObject<ProgramStart> start;
    return start.get([] { return ProgramStart(); });
}

/// What the descriptors of a worker are for: a pool's worker runs calls until it is told to stop, the other one
/// runs a single call and ends (single_call.hpp).
enum class WorkerKind : long { of_pool, single_call };

struct WorkerOrder {
    int parent;
    int depth;
    std::size_t allowance;
    WorkerKind kind;
};

/// An order without '@' is for any version.
inline bool is_for_this_version(std::string_view order) noexcept {
    const std::size_t at = order.find('@');
    return at == order.npos || order.substr(at) == order_version;
}

/// The order to be a worker, if this process got one. Takes it out of the environment. Ends a worker
/// whose pool has died meanwhile: it must not go on as a second copy of the program.
inline std::optional<WorkerOrder> take_worker_order() {
    const char* const text = trusted_variable(worker_variable);
    if (!text || !is_for_this_version(text)) return std::nullopt;
    char* rest = nullptr;
    const long parent = std::strtol(text, &rest, 10);
    const auto next_number = [&rest] { return *rest == ':' ? std::strtol(rest + 1, &rest, 10) : 0; };
    const long depth = next_number();
    const long allowance = next_number();
    const long kind = next_number();
    ::unsetenv(worker_variable);
    if (parent > 0 && ::kill(static_cast<pid_t>(parent), 0) != 0 && errno == ESRCH) ::_exit(EXIT_FAILURE);
    if (parent != ::getppid()) {
        const std::optional<SocketPeer> peer = peer_of(proving_descriptor);
        if (peer && peer->pid == parent && is_gone(peer->pid, proving_descriptor)) ::_exit(EXIT_FAILURE);
        return std::nullopt;
    }
    if (depth < 1 || depth > depth_limit || allowance < 0) return std::nullopt;
    return WorkerOrder{static_cast<int>(parent), static_cast<int>(depth), static_cast<std::size_t>(allowance),
                       kind == 1 ? WorkerKind::single_call : WorkerKind::of_pool};
}

/// The parent has made the socket that belongs to the order. Where the system does not tell who made a socket, the
/// order has to do.
inline bool is_proven(const WorkerOrder& order) noexcept {
    const std::optional<SocketPeer> peer = peer_of(proving_descriptor);
    const bool names_the_asker = peer && peer->pid == ::getpid();
    if (!peer || (peer->pid != order.parent && !names_the_asker)) return !knows_socket_peers;
    if (peer->user == ::getuid() && peer->group == ::getgid()) return true;
    std::fprintf(stderr, "%s was set by user %ld, this process belongs to user %ld: it ends. Unset the variable\n",
                 worker_variable, static_cast<long>(peer->user), static_cast<long>(::getuid()));
    ::_exit(EXIT_FAILURE);
}

inline bool has_worker_order() noexcept { return trusted_variable(worker_variable) != nullptr; }

/// /proc/self/exe can be executed: it is this very file, also after the file was replaced. Under valgrind the link leads
/// to valgrind's file, though readlink() names the program's.
inline constexpr const char* own_file_link = "/proc/self/exe";
inline bool executes_own_file() noexcept { return !runs_under_valgrind() && ::access(own_file_link, X_OK) == 0; }

/// What is executed to have a worker.
inline const char* executable_path() noexcept {
    return executes_own_file() ? own_file_link : program_start().executable.c_str();
}

/// The environment of this process as it is now, with the order for a worker that may have `allowance` processes below
/// itself. An MPI rank's own variables are left out: a worker is no rank.
inline std::vector<std::string> worker_environment(std::size_t allowance, WorkerKind kind = WorkerKind::of_pool) {
    std::vector<std::string> variables = environment_without(worker_variable);
    // The file is the program's: what its workers do is in there.
    const std::string trace = std::string(trace_variable) + "=";
    std::erase_if(variables, [&](const std::string& variable) {
        return variable.starts_with(trace) || is_launcher_variable(variable);
    });
    variables.push_back(std::string(worker_variable) + "=" + std::to_string(::getpid()) + ":" +
                        std::to_string(program_start().depth + 1) + ":" + std::to_string(allowance) +
                        (kind == WorkerKind::single_call ? ":1" : ""));
    // Another file at the program's path may have another version only, and would run main a second time.
    if (executes_own_file()) variables.back() += order_version;
    return variables;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
