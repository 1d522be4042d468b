// SPDX-License-Identifier: MIT
//
// manager.cpp: how the manager thread of a process pool is told of tasks, under the model checker: only the signal and the
// queue, which takes few steps. With the parts of the engine around them: processes.cpp.
#include <concurrent/futures/detail/processes/manager_signal.hpp>
#include <concurrent/futures/detail/wire/submission_queue.hpp>
#include <poll.h>

#include <array>
#include <mutex>
#include <thread>

#include "concurrent/futures/detail/processes/recorded_task.hpp"
#include "model/checker/checker.hpp"

namespace cf = concurrent::futures;
namespace detail = cf::detail;
using model::expect;

namespace {

struct Manager {
    std::mutex mutex;
    detail::ManagerSignal signal;
    detail::SubmissionQueue queue;

    /// As ProcessManager::step() and WorkerEvents::look_at_descriptors() do it.
    void run_until_taken(int wanted) {
        for (int taken = 0;;) {
            {
                const std::lock_guard lock(mutex);
                signal.clear_news();
                queue.begin_look();
                while (detail::RemoteTask* const task = queue.next([](detail::RemoteTask&) {})) {
                    task->stage = detail::RemoteTask::Stage::sent;
                    ++taken;
                }
            }
            if (taken >= wanted) return;
            // Here the manager thread starts workers and writes to them.
            bool sleeps = false;
            {
                const std::lock_guard lock(mutex);
                signal.fall_asleep();
                sleeps = !queue.has_new() && !signal.has_news();
            }
            while (sleeps && !is_woken()) std::this_thread::yield();
            const std::lock_guard lock(mutex);
            signal.rise();
            if (is_woken()) signal.wake_up().clear();
        }
    }
    /// As ProcessManager::submit().
    void submit(detail::RemoteTask& task) {
        expect(queue.intake.push(task, cf::Priority::normal), "the queue is open");
        if (signal.is_asleep()) signal.wake();
    }

  private:
    bool is_woken() {
        pollfd entry{signal.wake_up().fd(), POLLIN, 0};
        return ::poll(&entry, 1, 0) == 1;
    }
};

}  // namespace

MODEL("the manager thread of a process pool hears of each task, also of one that another thread counts") {
    Manager manager;
    std::array<recorded::Task, 2> tasks;
    std::thread submitter([&] {
        for (auto& task : tasks) manager.submit(task);
    });
    std::thread counter([&] {
        const std::lock_guard lock(manager.mutex);
        manager.queue.collect();  // as stats() does
    });
    manager.run_until_taken(2);
    submitter.join();
    counter.join();
}

MODEL("the manager thread of a process pool hears of a task when another one is cancelled") {
    Manager manager;
    std::array<recorded::Task, 2> tasks;
    std::thread submitter([&] {
        for (auto& task : tasks) manager.submit(task);
        const std::lock_guard lock(manager.mutex);
        if (tasks[1].stage != detail::RemoteTask::Stage::queued) return;
        tasks[1].stage = detail::RemoteTask::Stage::revoked;
        manager.queue.note_cancelled();
    });
    manager.run_until_taken(1);
    submitter.join();
}
