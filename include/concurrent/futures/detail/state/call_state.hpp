// SPDX-License-Identifier: MIT
//
// call_state.hpp: the states of one task, the legal moves, and which thread owns the outcome in each state.
//
//              ┌─ cancel() ─▶ cancelling ─▶ cancelled
//   pending ───┤
//              ├─ begin() ──▶ running ─────┬─▶ finished   (a value)
//              │                 │         │
//              └─ claim() ─▶ completing ───┴─▶ failed     (an exception)
//
//                                       the outcome belongs to
//   pending                             no thread
//   running, completing, cancelling     the one thread that made the move
//   cancelled, finished, failed         readers, for ever
//
// `completing` and `cancelling` last only while the thread that made the move stores the outcome or destroys the
// callable. From outside they look like running and pending.
#pragma once

#include <cstdint>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

enum class CallState : std::uint32_t {
    pending,
    running,
    completing,
    cancelling,
    cancelled,
    finished,
    failed
};

/// Or about to be.
constexpr bool is_cancelled(CallState state) noexcept {
    return state == CallState::cancelling || state == CallState::cancelled;
}
constexpr bool is_final(CallState state) noexcept { return state >= CallState::cancelled; }

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
