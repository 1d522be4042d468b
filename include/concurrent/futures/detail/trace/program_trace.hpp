// SPDX-License-Identifier: MIT
//
// program_trace.hpp: CONCURRENT_FUTURES_TRACE=run.json, the trace of all pools of a program.
//
// The variable is read when the first pool is made. The trace ends when static objects are destroyed. Workers of process
// pools do not get the variable: what they do is in the trace of the program, and pools of their own are in none.
#pragma once

#include <cstdio>
#include <exception>
#include <memory>
#include <utility>

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

/// The observer of a pool: that of its options, the trace of the program, both, or null.
inline std::shared_ptr<Observer> with_program_trace(const std::shared_ptr<Observer>& observer) {
    std::shared_ptr<Observer> trace = program_trace();
    return observers(observer, std::move(trace));
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
