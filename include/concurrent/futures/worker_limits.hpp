// SPDX-License-Identifier: MIT
//
// worker_limits.hpp: limits for the use of processors by the workers of a process pool.
//
//     cf::ProcessPoolExecutor pool({
//         .initializer = cf::bind_task(cf::WorkerLimits{.cpu_time = 10s, .niceness = 10})});
//
//     void prepare(const std::string& model) {         // or in an initializer of your own
//         cf::WorkerLimits{.niceness = 10, .processors = {0, 1}}();
//         load(model);
//     }
//
// A task that uses up its cpu_time ends as if it had crashed: with WorkerDiedError, whose text names the limit, and the
// worker is replaced. Only processor time counts, not waiting; for elapsed time there is TaskOptions::timeout, for
// memory ProcessPoolOptions::max_memory_bytes.
// In a process that is not a worker, such as under CONCURRENT_FUTURES_INLINE=1, WorkerLimits does nothing.
// Threads: a plain value.
#pragma once

#include "concurrent/futures/detail/platform/process_requirements.hpp"

#include <optional>
#include <vector>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/option_duration.hpp"
#include "concurrent/futures/detail/platform/option_value.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// A serializable callable for ProcessPoolOptions::initializer. A member that is left out changes nothing.
struct WorkerLimits {
    /// Processor time of each task, all its threads together; at least 1 s. The system counts in whole seconds, so a
    /// task may end up to one second later. On a busy machine it may end much earlier: a Linux kernel that counts by ticks
    /// counts a whole tick for a process that had only a part of it.
    detail::OptionDuration<std::chrono::seconds> cpu_time{};
    /// As for nice(1): 0 is normal, 19 gives way to all other processes. To lower it needs a privilege.
    std::optional<int> niceness{};
    /// Numbers, from 0, of the processors that may be used; empty: those of this process. Linux only.
    detail::OptionValue<std::vector<int>> processors{};

    /// Applies the limits to this worker process. Throws std::invalid_argument, std::system_error; thrown by an
    /// initializer, either breaks the pool, whose error then has this text.
    CONCURRENT_FUTURES_DECL void operator()() const;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/worker_limits.hpp"
#endif
