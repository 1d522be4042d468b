// SPDX-License-Identifier: MIT
//
// task_table.hpp: which tasks have not ended yet, and what they do, in words.
//
//     TaskTable table;                     // an Observer
//     table.stalled_since(now)             // since when nothing has started or ended although there are tasks; or empty
//     table.text(now)                      // the report, several lines
//
// A process pool tells a start when the task ends, so its tasks that run are not told from those that wait.
// Threads: any.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/thread_name.hpp"
#include "concurrent/futures/detail/state/blocked_threads.hpp"
#include "concurrent/futures/observer.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class TaskTable final : public Observer {
  public:
    using Time = std::chrono::steady_clock::time_point;

    void submitted(const CallEvent& call) override {
        const std::lock_guard lock(mutex_);
        if (tasks_.empty()) progress_ = call.time;
        tasks_.insert_or_assign(call.call, Task{.pool = call.pool.id, .name = std::string(call.name), .since = call.time});
        Pool& pool = pools_[call.pool.id];
        if (pool.tasks++ == 0) {
            pool.name = call.pool.name;
            pool.kind = call.pool.kind;
            pool.max_workers = call.pool.max_workers;
        }
    }
    void started(const CallEvent& call) override {
        const std::lock_guard lock(mutex_);
        progress_ = (std::max)(progress_, call.time);
        const auto found = tasks_.find(call.call);
        if (found == tasks_.end()) return;  // submitted before there was a table
        Task& task = found->second;
        task.runs = true;
        task.since = call.time;
        if (call.pid == 0) task.thread = current_thread_number();
    }
    void finished(const CallEvent& call, CallOutcome) override { remove(call); }
    void cancelled(const CallEvent& call) override { remove(call); }
    void retried(const CallEvent& call) override {
        const std::lock_guard lock(mutex_);
        progress_ = (std::max)(progress_, call.time);
    }

    /// Empty: there are no tasks. Otherwise when a task last started or ended.
    std::optional<Time> stalled_since() const {
        const std::lock_guard lock(mutex_);
        if (tasks_.empty()) return {};
        return progress_;
    }
    std::string text(Time now) const;

  private:
    struct Task {
        std::uint64_t pool = 0;
        std::string name;
        Time since;  // its start, or its submission
        bool runs = false;
        std::uint64_t thread = 0;  // that runs it; 0: none of this process
    };
    struct Pool {
        std::string name, kind;
        std::size_t max_workers = 0, tasks = 0;
    };
    struct Wait {
        WaitsFor what;
        std::uint64_t thread;
        Time since;
    };
    using Numbered = std::pair<std::uint64_t, const Task*>;
    static constexpr std::size_t most_lines = 20;  // of one kind, in one pool

    void remove(const CallEvent& call) {
        const std::lock_guard lock(mutex_);
        progress_ = (std::max)(progress_, call.time);
        if (tasks_.erase(call.call) == 0) return;
        const auto pool = pools_.find(call.pool.id);
        if (--pool->second.tasks == 0) pools_.erase(pool);
    }

    static std::vector<Wait> all_waits() {
        std::vector<Wait> waits;
        BlockedThreads::of_module().for_each(
            [&](const BlockedThread& each) { waits.push_back({each.waits_for(), each.thread(), each.since()}); });
        return waits;
    }
    static std::string seconds(Time since, Time now) {
        char text[32];
        std::snprintf(text, sizeof text, "%.1f s", std::chrono::duration<double>((std::max)(now - since, Time::duration{})).count());
        return text;
    }
    static std::string title(std::uint64_t number, const Task& task) {
        return task.name.empty() ? "task " + std::to_string(number) + " (no name)" : '"' + task.name + '"';
    }
    /// With the mutex.
    std::string described(const WaitsFor& what) const {
        const auto found = what.task != 0 ? tasks_.find(what.task) : tasks_.end();
        if (found == tasks_.end()) return what.what;
        const auto pool = pools_.find(found->second.pool);
        return title(found->first, found->second) + " of " + pool->second.name;
    }
    void describe_pool(std::string& text, std::uint64_t id, const Pool& pool, const std::vector<Wait>& waits, Time now) const;

    mutable std::mutex mutex_;
    std::unordered_map<std::uint64_t, Task> tasks_;  // by CallEvent::call; guarded, as all below
    std::map<std::uint64_t, Pool> pools_;            // those that have tasks
    Time progress_;
};

/// With the mutex.
inline void TaskTable::describe_pool(std::string& text, std::uint64_t id, const Pool& pool, const std::vector<Wait>& waits,
                                     Time now) const {
    std::vector<Numbered> running, waiting;
    for (const auto& [number, task] : tasks_)
        if (task.pool == id) (task.runs ? running : waiting).emplace_back(number, &task);
    const auto older = [](const Numbered& a, const Numbered& b) {
        return a.second->since != b.second->since ? a.second->since < b.second->since : a.first < b.first;
    };
    std::sort(running.begin(), running.end(), older);
    std::sort(waiting.begin(), waiting.end(), older);
    const bool tells_starts = pool.kind == "threads";
    text += pool.name + " (" + pool.kind + ", at most " + std::to_string(pool.max_workers) + " workers): ";
    text += tells_starts ? std::to_string(running.size()) + " running, " + std::to_string(waiting.size()) + " waiting\n"
                         : std::to_string(running.size() + waiting.size()) + " running or waiting\n";
    const auto list = [&](const std::vector<Numbered>& tasks, auto line) {
        for (const auto& [number, task] : tasks) {
            if (number == tasks[(std::min)(most_lines, tasks.size()) - 1].first && tasks.size() > most_lines) {
                text += "  and " + std::to_string(tasks.size() - most_lines + 1) + " more\n";
                return;
            }
            text += "  " + title(number, *task) + line(*task) + '\n';
        }
    };
    list(running, [&](const Task& task) {
        std::string line = " runs for " + seconds(task.since, now);
        if (task.thread == 0) return line;
        line += " in thread " + std::to_string(task.thread);
        for (const Wait& wait : waits)
            if (wait.thread == task.thread && wait.since >= task.since)
                return line + ", which waits for " + described(wait.what) + " for " + seconds(wait.since, now);
        return line;
    });
    list(waiting, [&](const Task& task) {
        return (tells_starts ? " waits for a worker for " : " was submitted before ") + seconds(task.since, now);
    });
}

inline std::string TaskTable::text(Time now) const {
    const std::vector<Wait> waits = all_waits();
    const std::lock_guard lock(mutex_);
    std::string text;
    if (tasks_.empty())
        text += "no tasks\n";
    else
        text += "no task has started or ended for " + seconds(progress_, now) + '\n';
    for (const auto& [id, pool] : pools_) describe_pool(text, id, pool, waits, now);
    std::unordered_map<std::uint64_t, Time> threads_with_tasks;
    for (const auto& [number, task] : tasks_)
        if (task.thread != 0) threads_with_tasks.emplace(task.thread, task.since);
    for (const Wait& wait : waits) {
        const auto task = threads_with_tasks.find(wait.thread);
        if (task == threads_with_tasks.end() || wait.since < task->second)
            text += "thread " + std::to_string(wait.thread) + " waits for " + described(wait.what) + " for " +
                    seconds(wait.since, now) + '\n';
    }
    return text;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
