// SPDX-License-Identifier: MIT
//
// atomic.hpp: the one name under which the library uses std::atomic.
//
// A seam: a model checker can put its own atomics here without touching the algorithms.
#pragma once

#include <atomic>

namespace concurrent::futures::inline v1::detail {

template <class T>
using Atomic = std::atomic<T>;

}  // namespace concurrent::futures::inline v1::detail
