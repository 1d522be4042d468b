// SPDX-License-Identifier: MIT
//
// ask_to_stop.hpp: request_stop() by the library itself, in a callback, where no caller could handle what it throws.
#pragma once

#include <exception>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// A task that takes no std::stop_token and cannot be ended, as on MPI ranks, goes on.
template <class Future>
void ask_to_stop(const Future& future) noexcept {
    try {
        future.request_stop();
    } catch (const std::exception&) {
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
