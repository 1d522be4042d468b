// SPDX-License-Identifier: MIT
//
// ended_thread.hpp: the BrokenPromiseError of a task that ended its thread (pthread_exit()) instead of returning.
#pragma once

#include <exception>

#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline std::exception_ptr ended_thread_error() noexcept {
    return error_or_why_not([] {
        return BrokenPromiseError("the task ended its thread, with pthread_exit() or because the thread was cancelled, and "
                                  "so has no result; return or throw instead");
    });
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
