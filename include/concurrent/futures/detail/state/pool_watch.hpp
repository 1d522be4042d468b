// SPDX-License-Identifier: MIT
//
// pool_watch.hpp: what an engine tells the observer of its pool.
//
//     if (watch_) watch_.tell([&](Observer& observer) { observer.worker_started(watch_.worker_event(number, name)); });
//
// Without an observer an engine asks for one pointer per event. With one, calls have an id and a name beside them:
// WatchedCall. What an observer throws goes to the pool's hook. Threads: any, without locks of the library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "concurrent/futures/detail/memory/block_allocator.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/state/unhandled.hpp"
#include "concurrent/futures/observer.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Numbers for the calls that are observed. Threads take them in blocks, so that they do not meet here.
class ObservedIds {
  public:
    static std::uint64_t next() noexcept {
        constexpr std::uint64_t block = tuning::call_numbers_at_once;
        // relaxed: the numbers only have to differ.
        if (local_ % block == 0) local_ = blocks_.fetch_add(1, std::memory_order_relaxed) * block + 1;
        return local_++;
    }

  private:
    inline static constinit Atomic<std::uint64_t> blocks_{0};
    inline static constinit thread_local std::uint64_t local_ = 0;
};

class PoolWatch {
  public:
    using Time = std::chrono::steady_clock::time_point;

    /// `observer`: may be null. An empty name is made of kind and id.
    PoolWatch(std::shared_ptr<Observer> observer, std::string_view kind, std::string name, std::size_t max_workers,
              UnhandledExceptionHook hook)
        : observer_(std::move(observer)), name_(std::move(name)), hook_(std::move(hook)) {
        if (!observer_) return;
        // relaxed: only the number has to be unique.
        static constinit Atomic<std::uint64_t> pools{0};
        pool_.id = pools.fetch_add(1, std::memory_order_relaxed);
        if (name_.empty()) name_ = std::string(kind) + std::to_string(pool_.id);
        pool_.kind = kind;
        pool_.name = name_;
        pool_.max_workers = max_workers;
    }
    PoolWatch(const PoolWatch&) = delete;
    PoolWatch& operator=(const PoolWatch&) = delete;

    /// There is an observer.
    explicit operator bool() const noexcept { return observer_ != nullptr; }

    CallEvent call_event(std::uint64_t call, std::string_view name, Time time = std::chrono::steady_clock::now(),
                         int pid = 0) const noexcept {
        // relaxed: a number that orders nothing.
        const std::int64_t waiting = waiting_.load(std::memory_order_relaxed);
        return {pool_, call, name, time, pid, static_cast<std::size_t>(waiting > 0 ? waiting : 0)};
    }
    WorkerEvent worker_event(std::size_t number, std::string_view name, Time time = std::chrono::steady_clock::now(),
                             int pid = 0) const noexcept {
        return {pool_, number, name, time, pid};
    }
    /// Where there is an observer.
    template <class Tell>
    void tell(Tell tell) const noexcept {
        try {
            tell(*observer_);
        } catch (...) {
            report_unhandled(hook_, std::current_exception(), "an observer");
        }
    }

    /// One call more, or less, waits to be started.
    void count_waiting(std::int64_t change) const noexcept {
        // relaxed: as in call_event().
        waiting_.fetch_add(change, std::memory_order_relaxed);
    }

  private:
    const std::shared_ptr<Observer> observer_;
    std::string name_;
    ObservedPool pool_;
    const UnhandledExceptionHook hook_;
    alignas(64) mutable Atomic<std::int64_t> waiting_{0};
};

/// What is known of a call that is observed, beside the call.
class WatchedCall {
  public:
    explicit WatchedCall(const PoolWatch& watch, std::string_view name) : watch_(watch), name_(name) {}

    std::uint64_t id() const noexcept { return id_; }
    void set_name(std::string_view name) { name_ = name; }
    void submitted() const noexcept {
        watch_.count_waiting(1);
        watch_.tell([this](Observer& observer) { observer.submitted(event()); });
    }
    void started() const noexcept {
        watch_.count_waiting(-1);
        watch_.tell([this](Observer& observer) { observer.started(event()); });
    }
    void finished(CallOutcome outcome) const noexcept {
        watch_.tell([&](Observer& observer) { observer.finished(event(), outcome); });
    }
    /// It will not run.
    void cancelled() const noexcept {
        watch_.count_waiting(-1);
        watch_.tell([this](Observer& observer) { observer.cancelled(event()); });
    }
    /// And starts again.
    void retried() const noexcept {
        watch_.tell([this](Observer& observer) {
            observer.retried(event());
            observer.started(event());
        });
    }
    void timed_out() const noexcept {
        watch_.tell([this](Observer& observer) { observer.timed_out(event()); });
    }
    void ran_items(std::size_t items, PoolWatch::Time began) const noexcept {
        watch_.tell([&](Observer& observer) { observer.ran_items(event(), items, began); });
    }
    /// Runs a callback of the call.
    template <class Callback>
    void around_callback(Callback callback) const {
        watch_.tell([this](Observer& observer) { observer.callback_started(event()); });
        const auto tell_end = [this] { watch_.tell([this](Observer& observer) { observer.callback_finished(event()); }); };
        try {
            callback();
        } catch (ForcedUnwind&) {
            tell_end();
            throw;
        }
        tell_end();
    }

  private:
    CallEvent event() const noexcept { return watch_.call_event(id_, name_); }

    const PoolWatch& watch_;
    const std::uint64_t id_ = ObservedIds::next();
    std::string name_;
};

/// The observed call that this thread is running; null: none, or not observed.
inline constinit thread_local const WatchedCall* running_watched_call = nullptr;

/// While a call runs. Null: it is not observed, and this costs a test.
class WatchedRun {
  public:
    explicit WatchedRun(const WatchedCall* call) noexcept : call_(call) {
        if (!call_) return;
        outer_ = std::exchange(running_watched_call, call_);
        call_->started();
    }
    WatchedRun(const WatchedRun&) = delete;
    WatchedRun& operator=(const WatchedRun&) = delete;
    void finished(bool well) noexcept {
        if (!call_) return;
        call_->finished(well ? CallOutcome::completed : CallOutcome::failed);
        running_watched_call = outer_;
    }

  private:
    const WatchedCall* const call_;
    const WatchedCall* outer_ = nullptr;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
