// SPDX-License-Identifier: MIT
//
// left_in_parent.hpp: why a wait for a task cannot end in a forked child: the task had not ended at the fork, and its pool is in
// the parent process.
//
//     std::exception_ptr left_in_parent() const override {
//         return engine_->in_forked_child() ? task_left_in_parent<BrokenProcessPool>("ProcessPoolExecutor") : nullptr;
//     }
//
// A thread asks before it sleeps, and only where fork_generation() is not 0, so other processes pay nothing: SharedState::wait()
// for one task, FirstOpen for several.
#pragma once

#include <exception>
#include <string>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// `Error`: what the pool throws in a forked child.
template <class Error>
std::exception_ptr task_left_in_parent(const char* executor) {
    return std::make_exception_ptr(
        Error(std::string("Future: the task had not ended when this process was forked. It belongs to a ") + executor +
              " of the parent process, and nothing in this process will end it. Wait for it in the parent, or submit it to a "
              "pool that is made in the child"));
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
