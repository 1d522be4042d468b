// SPDX-License-Identifier: MIT
//
// process_main.hpp: the first line of main in programs with a ProcessPoolExecutor.
//
//     int main(int argc, char** argv) {
//         cf::process_main(argc, argv);      // in a worker this does not return
//         …
//     }
//
// A pool with StartMethod::spawn starts this program again for each worker, and in this call such a copy becomes a
// worker. So main should do nothing before it that must not happen in each worker. Calling it again does nothing.
// Threads: call it before starting threads.
#pragma once

#include "concurrent/futures/detail/platform/process_requirements.hpp"

#include <cstdlib>
#include <utility>

#include "concurrent/futures/detail/processes/single_call.hpp"
#include "concurrent/futures/detail/processes/start_environment.hpp"
#include "concurrent/futures/detail/processes/worker_process.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// In the program itself: returns at once, and allows pools to spawn. In a worker: runs tasks until the pool needs the
/// worker no more, then exits.
inline void process_main(int argc, char** argv) {
    detail::ProgramStart& start = detail::program_start();
    if (start.process_main_ran) return;
    start.process_main_ran = true;
    start.arguments.assign(argv, argv + argc);
    start.executable = detail::own_executable(argc > 0 ? argv[0] : nullptr);
    const auto order = detail::take_worker_order();
    if (!order || !detail::is_proven(*order)) return;
    start.depth = order->depth;
    start.allowance = order->allowance;
    detail::WorkerChannel channel;
    int number = detail::first_inherited;
    // High numbers, since programs rely on low ones; and close-on-exec, so that programs that tasks start do not get
    // them.
    for (auto* const end : {&channel.tasks, &channel.results, &channel.page, &channel.calls,
                            &channel.payloads, &channel.memory})
        *end = detail::moved_up(detail::FileDescriptor(number++));
    std::exit(order->kind == detail::WorkerKind::single_call
                  ? detail::run_single_call(std::move(channel), std::exit)
                  : detail::run_worker(std::move(channel), order->parent, std::exit));
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
