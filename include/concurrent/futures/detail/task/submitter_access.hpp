// SPDX-License-Identifier: MIT
//
// submitter_access.hpp: what an executor gives to code that may submit after the executor is gone.
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
