// SPDX-License-Identifier: MIT
//
// run_here.hpp: what a thread that is about to wait for a task may run in place of that: the argument of
// SharedState::run_here().
#pragma once

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// In followed_set.hpp, for waits for several calls.
class FollowedContinuations {
  public:
    /// False: it is in the set already. Throws std::bad_alloc.
    virtual bool add(const void* continuation) = 0;

  protected:
    ~FollowedContinuations() = default;
};

/// How a thread that is about to wait may run what it waits for, see blocking.hpp.
struct RunHere {
    /// No thread is left for it: one of several calls that can end the wait will do.
    bool last_resort = false;
    Deadline deadline = Deadline::never();
    /// Continuations that this wait has followed already; null: a wait for one call, which meets each once.
    FollowedContinuations* followed = nullptr;

    bool follows(const void* continuation) const noexcept {
        try {
            return !followed || followed->add(continuation);
        } catch (...) {
            return false;  // no memory: it will be run elsewhere
        }
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
