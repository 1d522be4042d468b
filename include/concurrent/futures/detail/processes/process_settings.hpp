// SPDX-License-Identifier: MIT
//
// process_settings.hpp: the checked options of a process pool.
#pragma once

#include <cstddef>
#include <memory>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/serialization/byte_buffer.hpp"
#include "concurrent/futures/detail/serialization/codecs.hpp"
#include "concurrent/futures/detail/wire/remote_task.hpp"
#include "concurrent/futures/observer.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct ProcessSettings {
    std::size_t max_workers = 1;
    bool spawn = true;  // else a template forks
    ByteBuffer initializer{};
    ByteBuffer worker_exit{};
    std::size_t max_tasks_per_child = 0;
    WorkerDeath on_worker_death = WorkerDeath::fail_task;
    std::size_t max_pending = 0;
    QueueFull on_full = QueueFull::block;
    Duration idle_timeout{};
    UnhandledExceptionHook hook{};
    std::shared_ptr<Observer> observer{};
    bool report_unobserved = false;
    Duration task_timeout{};
    std::chrono::nanoseconds stop_grace{};
    std::size_t max_memory_bytes = 0;
    std::size_t base_workers = 0;  // idle_timeout leaves them
    /// With a task_timeout: what a worker may take from its start to process_main(), or task_timeout if that is longer.
    std::chrono::nanoseconds start_limit = std::chrono::seconds(60);

    /// Of a call that says nothing about it, in nanoseconds.
    std::int64_t default_timeout() const noexcept { return task_timeout ? task_timeout->count() : TaskLimits::never; }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
