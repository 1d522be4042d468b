// SPDX-License-Identifier: MIT
//
// process_main.hpp: the one line that programs with a ProcessPoolExecutor put first in main.
//
//     int main(int argc, char** argv) {
//         cf::process_main(argc, argv);      // in a worker this does not return
//         …
//     }
//
// A pool with StartMethod::spawn starts this same program again as its workers; this call is where such
// a copy turns into a worker. Before it, main should do nothing that must not be done once per worker.
// Calling it again does nothing. Thread safety: call it before starting threads.
#pragma once

#include "concurrent/futures/detail/platform/process_requirements.hpp"

#include <cstdlib>
#include <utility>

#include "concurrent/futures/detail/processes/single_call.hpp"
#include "concurrent/futures/detail/processes/start_environment.hpp"
#include "concurrent/futures/detail/processes/worker_process.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// In the program itself: returns at once, and allows pools to spawn. In a worker: runs tasks until the
/// pool wants no more, then exits.
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
    // Out of the way of numbers that programs take for granted, and closed in what tasks start.
    for (auto* const end : {&channel.tasks, &channel.results, &channel.page, &channel.calls,
                            &channel.payloads, &channel.memory})
        *end = detail::moved_up(detail::FileDescriptor(number++));
    std::exit(order->kind == detail::WorkerKind::single_call
                  ? detail::run_single_call(std::move(channel))
                  : detail::run_worker(std::move(channel), order->parent));
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
