// SPDX-License-Identifier: MIT
//
// look_pace.hpp: how often a thread looks for MPI messages. MPI cannot wake a thread, so it has to look.
//
//     after the last message         between two looks
//     up to 20 µs                    a pause
//     up to 0.8 ms                   yields: another thread may need this processor, perhaps the peer itself
//     later                          sleeps a quarter of the time since, 50 µs to 1 ms
//
// On a busy machine one yield can take milliseconds. So a thread looks at least 100 times before it sleeps. It looks
// again at once even if it may use one processor only: the peers are on others.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>

#include "concurrent/futures/detail/platform/spin.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// `waited`: nanoseconds since the last message. `looks`: since then.
inline bool keeps_looking(std::int64_t waited, unsigned looks) noexcept {
    constexpr std::int64_t longest = 800'000;
    constexpr unsigned fewest = 100;
    return waited < longest || looks < fewest;
}
inline void pause_between_looks(std::int64_t waited) noexcept {
    constexpr std::int64_t pauses_for = 20'000;
    if (waited < pauses_for)
        pause();
    else
        std::this_thread::yield();
}
inline std::chrono::nanoseconds nap_after(std::int64_t waited) noexcept {
    constexpr std::int64_t shortest = 50'000, longest = 1'000'000;
    return std::chrono::nanoseconds(std::clamp(waited / 4, shortest, longest));
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
