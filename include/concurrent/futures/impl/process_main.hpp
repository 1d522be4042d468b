// SPDX-License-Identifier: MIT
//
// impl/process_main.hpp: how the copy of a program becomes a worker; see impl/src.hpp.
#pragma once

#include <cstdlib>
#include <utility>

#include "concurrent/futures/detail/processes/single_call.hpp"
#include "concurrent/futures/detail/processes/start_environment.hpp"
#include "concurrent/futures/detail/processes/worker_process.hpp"
#include "concurrent/futures/process_main.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

CONCURRENT_FUTURES_DECL void process_main(int argc, char** argv) {
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
