// SPDX-License-Identifier: MIT
//
// atomic.hpp: the one name under which the library uses std::atomic.
//
// A seam: a model checker can put its own atomics here without touching the algorithms.
#pragma once

#include <atomic>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class T>
using Atomic = std::atomic<T>;

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
