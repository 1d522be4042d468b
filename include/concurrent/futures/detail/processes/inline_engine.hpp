// SPDX-License-Identifier: MIT
//
// inline_engine.hpp: the engine of a process pool whose tasks run inside submit(), for a debugger
// (CONCURRENT_FUTURES_INLINE).
//
//     const auto engine = std::make_shared<InlineEngine>(std::move(settings));
//     engine->submit(task, Priority::normal);     // the task has ended when this returns
//
// There are no workers, no thread, no queue and no time limits. A task takes the same way as in a worker, through its
// encoded bytes, with all its retries. So when anybody has its future, it has ended, and most of what a pool asks of an
// engine has nothing to do. Threads: any; tasks of several submitters run side by side.
#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/processes/process_engine.hpp"
#include "concurrent/futures/detail/processes/task_observer.hpp"
#include "concurrent/futures/detail/wire/full_queue.hpp"
#include "concurrent/futures/detail/wire/task_registry.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class InlineEngine final : public ProcessEngine {
  public:
    /// Runs the initializer, which every worker would run first.
    explicit InlineEngine(ProcessSettings settings)
        : ProcessEngine(settings_),
          settings_(std::move(settings)),
          observer_(settings_.observer, settings_.max_workers, settings_.hook),
          broken_(initialize(settings_)) {}

    const PoolWatch& watch() const noexcept override { return observer_.watch(); }
    void start(std::shared_ptr<ProcessEngine>) override {}
    void submit(RemoteTask& task, Priority) override {
        throw_if_forked();
        if (observer_) observer_.tell_submitted(task);
        try {
            throw_if_closed();
        } catch (...) {
            observer_.tell_cancelled(task);
            throw;
        }
        observer_.set_waiting(task, false);
        run_in_caller(
            task, [&](Observation::Kind kind) { observer_.tell(kind, task); },
            [&](bool failed) {
                const std::lock_guard lock(mutex_);
                ++(failed ? counts_.failed : counts_.completed);
            });
    }
    ByteStore* call_store() const noexcept override { return nullptr; }

    void cancel_pending() override {}
    void begin_shutdown(bool) override {
        if (in_forked_child()) return;
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    bool join(const Deadline&) override { return true; }
    bool wait_idle(const Deadline&) override {
        throw_if_forked();
        return true;
    }
    void detach() override {}
    void end_workers(int) override { begin_shutdown(true); }
    /// A task that does not run here would run nowhere: the next ones run as before.
    void pause() override { throw_if_closed(); }
    void resume() override {}
    void start_workers() override { throw_if_closed(); }
    bool is_broken() const override { return !broken_.empty(); }
    std::vector<int> worker_pids() const override { return {}; }
    Counts counts() override {
        if (in_forked_child()) return {};
        const std::lock_guard lock(mutex_);
        return counts_;
    }

    bool revoke(RemoteTask&) override { return false; }
    bool is_revoked(const RemoteTask&) const override { return false; }
    bool is_running(const RemoteTask&) const override { return true; }  // of a task that has not ended
    bool request_stop(RemoteTask&) override { return true; }
    void count_unreadable_result() noexcept override {
        const std::lock_guard lock(mutex_);
        --counts_.completed;
        ++counts_.failed;
    }
    bool on_manager_thread() const noexcept override { return false; }
    bool look_for_end(RemoteTask&, const SharedState& future) noexcept override { return future.done(); }
    void work_until_done(const SharedState&, const Deadline&) override {}

  private:
    /// Why it failed, or empty.
    static std::string initialize(const ProcessSettings& settings) {
        if (settings.initializer.empty()) return {};
        try {
            Decoder call(settings.initializer.bytes());
            Encoder nothing;
            run_encoded_call(call, nothing);
            return {};
        } catch (const std::exception& error) {
            return std::string("ProcessPoolExecutor: the initializer threw: ") + error.what();
        } catch (ForcedUnwind&) {
            throw;  // of the thread that makes the pool
        } catch (...) {
            return "ProcessPoolExecutor: the initializer threw something that is no std::exception";
        }
    }
    void throw_if_closed() const {
        if (is_broken()) throw BrokenProcessPool(broken_);
        const std::lock_guard lock(mutex_);
        if (closed_) throw ShutdownError("ProcessPoolExecutor: cannot schedule new tasks after shutdown");
    }

    const ProcessSettings settings_;
    TaskObserver observer_;
    const std::string broken_;  // why, or empty
    mutable std::mutex mutex_;
    bool closed_ = false;  // guarded by mutex_, as the next
    Counts counts_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
