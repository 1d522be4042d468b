// SPDX-License-Identifier: MIT
//
// impl/thread_pool_executor.hpp: the options of a thread pool, and its end; see impl/src.hpp.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/sized_thread.hpp"
#include "concurrent/futures/detail/trace/program_trace.hpp"
#include "concurrent/futures/options.hpp"
#include "concurrent/futures/parallelism.hpp"
#include "concurrent/futures/thread_pool_executor.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

namespace detail {

/// 0 is the default.
inline void require_sane_stack_size(std::size_t size) {
    if (size == 0) return;
    const char* const option = "ThreadPoolOptions::stack_size";
    if constexpr (!can_size_stacks)
        throw std::invalid_argument(std::string(option) + " cannot be set on this system; leave it out, and link the "
                                                          "program with a larger default for threads");
    if (size >= least_stack_size && size <= most_stack_size) return;
    throw std::invalid_argument(std::string(option) + " = " + std::to_string(size) + " bytes is " +
                                (size < least_stack_size ? "below " : "above ") +
                                std::to_string(size < least_stack_size ? least_stack_size : most_stack_size) +
                                "; it is a number of bytes, such as 64 << 20 for 64 MiB; 0 takes what main() has");
}

CONCURRENT_FUTURES_DECL ThreadPoolOptions checked(ThreadPoolOptions options) {
    require_sane_worker_count(options.max_workers, most_threads_of_pool, "ThreadPoolOptions::max_workers");
    require_not_negative(options.idle_timeout, "ThreadPoolOptions::idle_timeout");
    require_sane_stack_size(options.stack_size);
    options.observer = with_program_trace(options.observer);
    if (options.max_workers == 0) options.max_workers = available_parallelism();
    require_sane_base_workers(options.base_workers, options.max_workers);
    if (options.thread_name_prefix.empty()) {
        // relaxed: only the number has to be unique.
        static Atomic<unsigned> pools{0};
        options.thread_name_prefix =
            "pool" + std::to_string(pools.fetch_add(1, std::memory_order_relaxed));
    }
    return options;
}

}  // namespace detail

CONCURRENT_FUTURES_DECL ThreadPoolExecutor::~ThreadPoolExecutor() {
    engine().begin_shutdown(cancels_pending_);
    if (engine().in_forked_child()) {
        engine().retain();  // its threads are in another process: leave everything as it is
    } else if (engine().is_own_thread()) {
        engine().detach();
    } else {
        engine().join(detail::Deadline::never());
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
