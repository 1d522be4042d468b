// SPDX-License-Identifier: MIT
//
// start_method.hpp: how this process starts others, if it can: StartMethod::automatic decided, and the two real
// methods checked.
//
//     if (choose_spawn(options.start_method)) spawn_copy(environment, descriptors); else …fork…
#pragma once

#include <poll.h>

#include <cstddef>
#include <string>

#include "concurrent/futures/detail/platform/child_process.hpp"
#include "concurrent/futures/detail/platform/process_rights.hpp"
#include "concurrent/futures/detail/processes/manager_threads.hpp"
#include "concurrent/futures/detail/processes/start_environment.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// For messages: what cannot be made.
struct StartedObject {
    const char* name = "ProcessPoolExecutor";
    const char* noun = "pool";
};

/// Threads of this process without those of pools; 0 when that cannot be learned. The system lists a thread
/// for a moment after it has been joined, so the answer 1 is worth waiting for.
inline std::size_t threads_besides_pools() noexcept {
    std::size_t others = 0;
    for (int milliseconds = 0; milliseconds < 100; ++milliseconds) {
        const std::size_t all = thread_count();  // 0: unknown
        const std::size_t of_pools = ManagerThreads::number();
        others = all > of_pools ? all - of_pools : 0;
        if (others <= 1) break;
        ::poll(nullptr, 0, 1);
    }
    return others;
}

/// Which of the two real start methods. Throws BrokenProcessPool, before any child exists.
inline bool choose_spawn(StartMethod method, const StartedObject& object = {}) {
    const std::string name = object.name;
    const std::string noun = object.noun;
    const ProgramStart& program = program_start();
    if (has_worker_order() && !program.process_main_ran)
        throw BrokenProcessPool(
            name +
            ": this process was started as a worker, but main makes a " + noun +
            " before it calls process_main(argc, argv); make that call the first line of main");
    if (program.depth >= depth_limit)
        throw BrokenProcessPool(name + ": pools are nested " + std::to_string(depth_limit) +
                                " deep, each in a worker of another; that looks like a runaway "
                                "recursion");
    if (method == StartMethod::spawn && !program.process_main_ran)
        throw BrokenProcessPool(
            name +
            ": StartMethod::spawn starts this program again, which needs "
            "concurrent::futures::process_main(argc, argv) as the first line of main");
    if (method == StartMethod::spawn || (method == StartMethod::automatic && program.process_main_ran)) {
        const std::string reason = why_no_copy_can_be_started(executable_path());
        if (!reason.empty()) throw BrokenProcessPool(name + ": no worker can be spawned: " + reason);
        return true;
    }
    const std::size_t others = threads_besides_pools();
    if (others == 0 && method == StartMethod::automatic)
        throw BrokenProcessPool(
            name +
            ": without process_main() fork is used, which needs a process with one "
            "thread, and without /proc that cannot be learned; add "
            "concurrent::futures::process_main(argc, argv) as the first line of main, or choose "
            "StartMethod::fork");
    if (others > 1)
        throw BrokenProcessPool(
            name + ": " +
            (method == StartMethod::fork ? "StartMethod::fork" : "without process_main(), fork is used, "
                                                                  "which") +
            " needs a process with one thread, and this one has " + std::to_string(others) +
            "; make the " + noun + " before starting threads, or " +
            (program.process_main_ran
                 ? "use StartMethod::spawn: tools such as heaptrack and LTTng start threads before main"
                 : "add concurrent::futures::process_main(argc, argv) as the first line of main") +
            (method == StartMethod::fork && !program.process_main_ran ? " and use StartMethod::spawn" : ""));
    return false;
}

/// What a worker gets between the request to stop and the end by force, unless the options say otherwise.
inline constexpr std::chrono::seconds default_stop_grace{5};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
