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
#include <array>
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

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/thread_name.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/state/blocked_threads.hpp"
#include "concurrent/futures/observer.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class TaskTable final : public Observer {
  public:
    using Time = std::chrono::steady_clock::time_point;

    void submitted(const CallEvent& call) override {
        learn(call.pool);
        // relaxed: when it is read by the watching thread does not matter.
        if (count_.fetch_add(1, std::memory_order_relaxed) == 0) note_progress(call.time);
        Shard& shard = shard_of(call.call);
        const std::lock_guard lock(shard.mutex);
        shard.tasks.insert_or_assign(call.call, Task{.pool = call.pool.id, .name = std::string(call.name), .since = call.time});
    }
    void started(const CallEvent& call) override {
        note_progress(call.time);
        Shard& shard = shard_of(call.call);
        const std::lock_guard lock(shard.mutex);
        const auto found = shard.tasks.find(call.call);
        if (found == shard.tasks.end()) return;  // submitted before there was a table
        Task& task = found->second;
        task.runs = true;
        task.since = call.time;
        if (call.pid == 0) task.thread = number_of_this_thread();
    }
    void finished(const CallEvent& call, CallOutcome) override { remove(call); }
    void cancelled(const CallEvent& call) override { remove(call); }
    /// It waits for a worker once more.
    void retried(const CallEvent& call) override {
        note_progress(call.time);
        Shard& shard = shard_of(call.call);
        const std::lock_guard lock(shard.mutex);
        const auto found = shard.tasks.find(call.call);
        if (found == shard.tasks.end()) return;  // as in started()
        Task& task = found->second;
        task.runs = false;
        task.thread = 0;
        task.is_retry = true;
        task.since = call.time;
    }

    /// Empty: there are no tasks. Otherwise when a task last started or ended, to a millisecond.
    std::optional<Time> stalled_since() const noexcept {
        // relaxed, both: as above.
        if (count_.load(std::memory_order_relaxed) <= 0) return {};
        return Time(Time::duration(progress_.load(std::memory_order_relaxed)));
    }
    std::string text(Time now) const;

  private:
    struct Task {
        std::uint64_t pool = 0;
        std::string name;
        Time since;  // its start, or its submission, or the end of the attempt before
        bool runs = false;
        bool is_retry = false;
        std::uint64_t thread = 0;  // that runs it; 0: none of this process
    };
    struct Pool {
        std::string name, kind;
        std::size_t max_workers = 0;
    };
    struct Wait {
        WaitsFor what;
        std::uint64_t thread;
        Time since;
    };
    using Tasks = std::unordered_map<std::uint64_t, Task>;  // by CallEvent::call
    using Numbered = std::pair<std::uint64_t, const Task*>;
    struct alignas(64) Shard {
        mutable std::mutex mutex;
        Tasks tasks;  // guarded
    };
    static constexpr std::size_t shards = tuning::hang_report_shards, most_known = 256;
    static constexpr std::size_t most_lines = 20;  // of one kind, in one pool

    /// A system call gives the number; a thread asks once.
    static std::uint64_t number_of_this_thread() noexcept {
        static constinit thread_local std::uint64_t number = 0;
        if (number == 0) number = current_thread_number();
        return number;
    }
    /// Neighbouring numbers, which different threads have at the same time, lie in different shards.
    Shard& shard_of(std::uint64_t call) noexcept { return shards_[call % shards]; }
    void learn(const ObservedPool& pool) {
        // relaxed: a thread that does not see it yet learns it once more.
        if (pool.id < most_known && known_[pool.id].load(std::memory_order_relaxed)) return;
        const std::lock_guard lock(pools_mutex_);
        pools_.try_emplace(pool.id, Pool{std::string(pool.name), std::string(pool.kind), pool.max_workers});
        if (pool.id < most_known) known_[pool.id].store(true, std::memory_order_relaxed);  // relaxed: as above
    }
    void note_progress(Time time) noexcept {
        const auto now = time.time_since_epoch().count();
        constexpr auto step = std::chrono::duration_cast<Time::duration>(std::chrono::milliseconds(1)).count();
        // relaxed, both: see submitted(). Not each time: all threads would write to one cache line.
        if (now - progress_.load(std::memory_order_relaxed) >= step) progress_.store(now, std::memory_order_relaxed);
    }
    void remove(const CallEvent& call) {
        note_progress(call.time);
        Shard& shard = shard_of(call.call);
        const std::lock_guard lock(shard.mutex);
        // relaxed: see submitted().
        if (shard.tasks.erase(call.call) != 0) count_.fetch_sub(1, std::memory_order_relaxed);
    }

    /// Each task at some time during the call.
    Tasks all_tasks() const {
        Tasks all;
        for (const Shard& shard : shards_) {
            const std::lock_guard lock(shard.mutex);
            all.insert(shard.tasks.begin(), shard.tasks.end());
        }
        return all;
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
    struct Moment {
        Time now;
        Tasks tasks;
        std::map<std::uint64_t, Pool> pools;
        std::vector<Wait> waits;

        std::string described(const WaitsFor& what) const {
            const auto found = what.task != 0 ? tasks.find(what.task) : tasks.end();
            if (found == tasks.end()) return what.what;
            const auto pool = pools.find(found->second.pool);
            return title(found->first, found->second) + " of " + (pool == pools.end() ? "?" : pool->second.name);
        }
        void describe_pool(std::string& text, std::uint64_t id, const Pool& pool) const;
    };

    std::array<Shard, shards> shards_;
    Atomic<std::int64_t> count_{0};
    Atomic<Time::rep> progress_{0};
    std::array<Atomic<bool>, most_known> known_{};
    mutable std::mutex pools_mutex_;
    std::map<std::uint64_t, Pool> pools_;  // guarded by pools_mutex_
};

inline void TaskTable::Moment::describe_pool(std::string& text, std::uint64_t id, const Pool& pool) const {
    std::vector<Numbered> running, waiting;
    for (const auto& [number, task] : tasks)
        if (task.pool == id) (task.runs ? running : waiting).emplace_back(number, &task);
    if (running.empty() && waiting.empty()) return;
    const auto older = [](const Numbered& a, const Numbered& b) {
        return a.second->since != b.second->since ? a.second->since < b.second->since : a.first < b.first;
    };
    std::sort(running.begin(), running.end(), older);
    std::sort(waiting.begin(), waiting.end(), older);
    const bool tells_starts = pool.kind == "threads";
    text += pool.name + " (" + pool.kind + ", at most " + std::to_string(pool.max_workers) + " workers): ";
    text += tells_starts ? std::to_string(running.size()) + " running, " + std::to_string(waiting.size()) + " waiting\n"
                         : std::to_string(running.size() + waiting.size()) + " running or waiting\n";
    const auto list = [&](const std::vector<Numbered>& several, auto line) {
        const std::size_t shown = several.size() <= most_lines ? several.size() : most_lines - 1;
        for (std::size_t i = 0; i < shown; ++i)
            text += "  " + title(several[i].first, *several[i].second) + line(*several[i].second) + '\n';
        if (shown < several.size()) text += "  and " + std::to_string(several.size() - shown) + " more\n";
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
        return tells_starts ? " waits for a worker for " + seconds(task.since, now)
                            : (task.is_retry ? " was submitted again " : " was submitted ") + seconds(task.since, now) + " ago";
    });
}

inline std::string TaskTable::text(Time now) const {
    Moment moment{.now = now, .tasks = all_tasks(), .pools = {}, .waits = all_waits()};
    {
        const std::lock_guard lock(pools_mutex_);
        moment.pools = pools_;
    }
    std::string text;
    if (moment.tasks.empty())
        text += "no tasks\n";
    else
        text += "no task has started or ended for " + seconds(stalled_since().value_or(now), now) + '\n';
    for (const auto& [id, pool] : moment.pools) moment.describe_pool(text, id, pool);
    std::unordered_map<std::uint64_t, Time> threads_with_tasks;
    for (const auto& [number, task] : moment.tasks)
        if (task.thread != 0) threads_with_tasks.emplace(task.thread, task.since);
    for (const Wait& wait : moment.waits) {
        const auto task = threads_with_tasks.find(wait.thread);
        if (task == threads_with_tasks.end() || wait.since < task->second)
            text += "thread " + std::to_string(wait.thread) + " waits for " + moment.described(wait.what) + " for " +
                    seconds(wait.since, now) + '\n';
    }
    return text;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
