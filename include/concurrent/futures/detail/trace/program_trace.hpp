// SPDX-License-Identifier: MIT
//
// program_trace.hpp: CONCURRENT_FUTURES_TRACE=run.json, the trace of all pools of a program.
//
// The variable is read when the first pool is made. The trace ends when static objects are destroyed. Workers of process
// pools do not get the variable: what they do is in the trace of the program, and pools of their own are in none.
#pragma once

#include <cstddef>
#include <cstdio>
#include <exception>
#include <memory>
#include <string_view>
#include <utility>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/trace/trace_observer.hpp"
#include "concurrent/futures/observer.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Null: the variable is not set, or the file cannot be written, which was said on stderr.
inline std::shared_ptr<Observer> program_trace() {
    struct Trace {
        Trace() {
            const char* const path = trace_path_of_program();
            if (!path || !*path) return;
            try {
                observer = std::make_shared<TraceObserver>(path);
            } catch (const std::exception& error) {
                std::fprintf(stderr, "concurrent::futures: %s is set, but there is no trace: %s\n", trace_variable,
                             error.what());
            }
        }
        ~Trace() {
            if (observer) observer->finish();
        }
        std::shared_ptr<TraceObserver> observer;
        ForkMark born;
    };
    static Trace trace;
    return trace.born.in_forked_child() ? nullptr : trace.observer;
}

/// Tells two observers. What the first one throws is thrown after the second one was told.
class ObserverPair final : public Observer {
  public:
    ObserverPair(std::shared_ptr<Observer> first, std::shared_ptr<Observer> second)
        : first_(std::move(first)), second_(std::move(second)) {}

    void submitted(const CallEvent& call) override { tell(&Observer::submitted, call); }
    void started(const CallEvent& call) override { tell(&Observer::started, call); }
    void finished(const CallEvent& call, CallOutcome outcome) override { tell(&Observer::finished, call, outcome); }
    void cancelled(const CallEvent& call) override { tell(&Observer::cancelled, call); }
    void retried(const CallEvent& call) override { tell(&Observer::retried, call); }
    void timed_out(const CallEvent& call) override { tell(&Observer::timed_out, call); }
    void ran_items(const CallEvent& call, std::size_t items, std::chrono::steady_clock::time_point began) override {
        tell(&Observer::ran_items, call, items, began);
    }
    void callback_started(const CallEvent& call) override { tell(&Observer::callback_started, call); }
    void callback_finished(const CallEvent& call) override { tell(&Observer::callback_finished, call); }
    void worker_started(const WorkerEvent& worker) override { tell(&Observer::worker_started, worker); }
    void worker_ended(const WorkerEvent& worker) override { tell(&Observer::worker_ended, worker); }
    void worker_died(const WorkerEvent& worker, std::string_view how) override {
        tell(&Observer::worker_died, worker, how);
    }

  private:
    template <class... Parameters, class... Args>
    void tell(void (Observer::*function)(Parameters...), const Args&... args) {
        std::exception_ptr error;
        try {
            (*first_.*function)(args...);
        } catch (...) {
            error = std::current_exception();
        }
        (*second_.*function)(args...);
        if (error) std::rethrow_exception(error);
    }

    const std::shared_ptr<Observer> first_, second_;
};

/// The observer of a pool: that of its options, the trace of the program, both, or null.
inline std::shared_ptr<Observer> with_program_trace(const std::shared_ptr<Observer>& observer) {
    std::shared_ptr<Observer> trace = program_trace();
    if (!trace || !observer) return trace ? trace : observer;
    return std::make_shared<ObserverPair>(observer, std::move(trace));
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
