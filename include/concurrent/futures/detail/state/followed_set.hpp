// SPDX-License-Identifier: MIT
//
// followed_set.hpp: the continuations that a wait for several calls has followed already, see run_here.hpp.
#pragma once

#include <unordered_set>

#include "concurrent/futures/detail/state/run_here.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class FollowedSet final : public FollowedContinuations {
  public:
    bool add(const void* continuation) override { return set_.insert(continuation).second; }

  private:
    std::unordered_set<const void*> set_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
