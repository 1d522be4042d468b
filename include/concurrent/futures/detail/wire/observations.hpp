// SPDX-License-Identifier: MIT
//
// observations.hpp: what an engine learns while it holds its lock, and tells the observer of the pool without the lock.
//
//     observations_.add({.kind = Observation::Kind::timed_out, …});   // with the lock; nothing without an observer
//     std::vector<Observation> told = observations_.take();            // with the lock
//     for (const Observation& each : told) each.tell(watch_);           // without
//
// Without memory an observation is lost, and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/state/pool_watch.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct Observation {
    enum class Kind : std::uint8_t {
        started, completed, failed, stopped, cancelled, retried, timed_out,  // of calls
        worker_started, worker_ended, worker_died
    };

    Kind kind;
    std::int64_t time = 0;     // of monotonic_nanoseconds()
    int pid = 0;               // of the worker
    std::uint64_t number = 0;  // of the call, or of the worker
    std::string text{};        // the call's name, or how the worker died
    std::size_t worker = 0;    // of ranks: its number

    void tell(const PoolWatch& watch) const noexcept {
        const PoolWatch::Time when{std::chrono::duration_cast<PoolWatch::Time::duration>(std::chrono::nanoseconds(time))};
        watch.tell([&](Observer& observer) {
            if (kind >= Kind::worker_started) return tell_of_worker(observer, watch, when);
            CallEvent call = watch.call_event(number, text, when, pid);
            call.worker = worker;
            switch (kind) {
                case Kind::started: return observer.started(call);
                case Kind::completed: return observer.finished(call, CallOutcome::completed);
                case Kind::failed: return observer.finished(call, CallOutcome::failed);
                case Kind::stopped: return observer.finished(call, CallOutcome::cancelled);
                case Kind::cancelled: return observer.cancelled(call);
                case Kind::retried: return observer.retried(call);
                default: return observer.timed_out(call);
            }
        });
    }

  private:
    void tell_of_worker(Observer& observer, const PoolWatch& watch, PoolWatch::Time when) const {
        const std::string name = "worker " + std::to_string(pid);
        const WorkerEvent event = watch.worker_event(static_cast<std::size_t>(number), name, when, pid);
        if (kind == Kind::worker_started) return observer.worker_started(event);
        if (kind == Kind::worker_ended) return observer.worker_ended(event);
        observer.worker_died(event, text);
    }
};

class Observations {
  public:
    bool empty() const noexcept { return list_.empty(); }
    void add(Observation observation) noexcept {
        try {
            list_.push_back(std::move(observation));
        } catch (...) {  // no memory
        }
    }
    std::vector<Observation> take() noexcept { return std::exchange(list_, {}); }

  private:
    std::vector<Observation> list_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
