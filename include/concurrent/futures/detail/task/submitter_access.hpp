// SPDX-License-Identifier: MIT
//
// submitter_access.hpp: how the library gets the submitter of an executor: a handle to its engine that can be copied and
// outlives the executor. Timers and AnyExecutor submit through it.
//
//     auto submitter = SubmitterAccess::of(pool);
//     submitter.submit(f, args...);    // a Future; ShutdownError when the pool is gone
//
// Threads: any.
#pragma once

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct SubmitterAccess {
    template <class Executor>
    static auto of(const Executor& executor) {
        return executor.submitter();
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
