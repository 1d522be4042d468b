// SPDX-License-Identifier: MIT
//
// impl/program_trace.hpp: the one trace of a program; see impl/src.hpp.
#pragma once

#include <cstdio>
#include <exception>
#include <memory>
#include <utility>

#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/trace/program_trace.hpp"
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

CONCURRENT_FUTURES_DECL std::shared_ptr<Observer> with_program_trace(const std::shared_ptr<Observer>& observer) {
    std::shared_ptr<Observer> trace = program_trace();
    return observers(observer, std::move(trace));
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
