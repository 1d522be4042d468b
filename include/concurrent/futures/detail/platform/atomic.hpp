// SPDX-License-Identifier: MIT
//
// atomic.hpp: the one name under which the library uses std::atomic.
//
// A seam: with CONCURRENT_FUTURES_MODEL, the name of a header, `model::Atomic` of that header takes its place. The model
// checker of the tests does so (tests/model/checker).
#pragma once

#include <atomic>

#include "concurrent/futures/detail/platform/config.hpp"

#if defined(CONCURRENT_FUTURES_MODEL)
#include CONCURRENT_FUTURES_MODEL
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

#if defined(CONCURRENT_FUTURES_MODEL)
template <class T>
using Atomic = ::model::Atomic<T>;
#else
template <class T>
using Atomic = std::atomic<T>;
#endif

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
