// SPDX-License-Identifier: MIT
//
// common_options.hpp: what process pools and pools of MPI ranks take over from their options in the same way.
//
//     auto settings = settings_from<ProcessSettings>(options);
//     settings.spawn = …                                       // what only one of them has
//
// The settings are of this pool alone: the calls are copied, and the observer is that of the option and of the program's trace.
#pragma once

#include "concurrent/futures/detail/trace/program_trace.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class Settings, class Options>
Settings settings_from(const Options& options) {
    Settings settings;
    settings.initializer = options.initializer.copy();
    settings.worker_exit = options.worker_exit.copy();
    settings.max_pending = options.max_pending;
    settings.on_full = options.on_full;
    settings.hook = options.on_unhandled_exception;
    settings.report_unobserved = options.report_unobserved;
    settings.observer = with_program_trace(options.observer);
    return settings;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
