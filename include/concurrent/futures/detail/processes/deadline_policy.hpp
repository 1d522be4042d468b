// SPDX-License-Identifier: MIT
//
// deadline_policy.hpp: when a task, a hook or the start of a worker must have ended.
//
//     const DeadlinePolicy policy{hook_timeout, start_timeout, stop_grace};
//     if (now >= policy.of_task(times, now)) …       // the same for of_hook() and of_start()
//
// Pure functions of what they are shown. No message tells when a task starts; the control page says it when somebody
// looks. So a task that is sent but not started gets `now + timeout`, which is earlier than its deadline can be, and the
// pool looks again then. All times are in nanoseconds on the clock of monotonic_nanoseconds().
#pragma once

#include <algorithm>
#include <cstdint>

#include "concurrent/futures/detail/processes/control_page.hpp"
#include "concurrent/futures/detail/wire/remote_task.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// `time + length`, or never.
inline std::int64_t saturating_sum(std::int64_t time, std::int64_t length) noexcept {
    const bool is_never = length == TaskLimits::never || (time > 0 && length > TaskLimits::never - time);
    return is_never ? TaskLimits::never : time + length;
}

/// `time + length` for something that is planned: never is what is not planned.
inline std::int64_t planned_time(std::int64_t time, std::int64_t length) noexcept {
    return (std::min)(saturating_sum(time, length), TaskLimits::never - 1);
}

/// What is known of a task in a worker.
struct TaskTimes {
    SlotState state = SlotState::sent;
    std::int64_t started = 0;                   // as the worker wrote it
    std::int64_t paused = 0;                    // of that time the pool's process did not run
    std::int64_t timeout = TaskLimits::never;
    std::int64_t stop_at = TaskLimits::never;
    std::int64_t heard_at = 0;                  // when the worker sent something
};

/// What is known of a worker that starts or stops.
struct WorkerTimes {
    bool runs_hooks = false;        // it may be in its initializer or in worker_exit
    std::int64_t hook_started = 0;  // as the worker wrote it; 0: not started
    bool before_main = false;       // it has not come to process_main()
    std::int64_t born = 0;
    std::int64_t paused = 0;        // since then, as TaskTimes::paused
};

struct DeadlinePolicy {
    std::int64_t hook_timeout = TaskLimits::never;   // of initializer and worker_exit
    std::int64_t start_timeout = TaskLimits::never;  // to process_main()
    std::int64_t stop_grace = 0;

    /// When to look at what has not started: later than now, so that the pool does not look without pause.
    static std::int64_t next_look(std::int64_t now, std::int64_t timeout) noexcept {
        return saturating_sum(now, std::max<std::int64_t>(timeout, 1'000'000));
    }
    /// When the task must have ended, as far as can be said now.
    std::int64_t of_task(const TaskTimes& task, std::int64_t now) const noexcept {
        if (task.state == SlotState::sent) return next_look(now, task.timeout);
        const std::int64_t start = saturating_sum(plausible_start(task.started, now), task.paused);
        const std::int64_t end = (std::min)(task.stop_at, saturating_sum(start, task.timeout));
        if (task.state == SlotState::running || end == TaskLimits::never) return end;
        // The worker says that the task is over, so its result should be on its way: it gets more time.
        const std::int64_t pause = std::max<std::int64_t>(stop_grace, 1'000'000'000);
        return saturating_sum((std::max)(end, task.heard_at), pause);
    }
    /// When the initializer or worker_exit must have ended, as far as can be said now.
    std::int64_t of_hook(const WorkerTimes& worker, std::int64_t now) const noexcept {
        if (!worker.runs_hooks || hook_timeout == TaskLimits::never) return TaskLimits::never;
        if (worker.hook_started == 0) return next_look(now, hook_timeout);
        return saturating_sum(saturating_sum(plausible_start(worker.hook_started, now), worker.paused), hook_timeout);
    }
    /// When the worker must have come to process_main(). The constructors of static objects run before; they may be
    /// slow, so there is a limit only where the user has set one, and a long one.
    std::int64_t of_start(const WorkerTimes& worker) const noexcept {
        if (!worker.before_main) return TaskLimits::never;
        return saturating_sum(saturating_sum(worker.born, worker.paused), start_timeout);
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
