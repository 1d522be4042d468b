// SPDX-License-Identifier: MIT
//
// look_pace.hpp: how often a thread looks for messages. MPI cannot wake a thread, so it has to look:
//
//     after the last message         between two looks
//     up to 20 µs                    a pause
//     up to 0.8 ms                   yields: another thread may need this processor, perhaps the peer itself
//     up to 0.1 s                    sleeps a quarter of the time since, 50 µs to 1 ms
//     later                          sleeps a hundredth of the time since, 1 to 4 ms
//
// Ranks on the root's node ring a bell (node_memory.hpp): for them a thread looks for 20 µs, and then sleeps until it
// rings. To look for longer would take the processor from the peer on a busy machine.
//
// On a busy machine one yield can take milliseconds. So a thread looks at least 100 times before it sleeps. It looks
// again at once even if it may use one processor only: the peers are on others. One sleep takes 8 to 16 µs of processor
// time, so 1000 a second were 0.8 to 1.6 % of a core.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>

#include "concurrent/futures/detail/platform/spin.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Looks in vain before a thread sleeps. After a sleep it looks three times more: MPI may need one look to take a message
/// in, and find it with the next.
inline constexpr unsigned looks_before_nap = tuning::mpi_looks_before_nap;
inline constexpr unsigned looks_after_nap = looks_before_nap - tuning::mpi_looks_after_nap;

/// `waited`: nanoseconds since the last message. A bell will ring.
inline bool keeps_looking(std::int64_t waited) noexcept {
    constexpr std::int64_t longest = tuning::mpi_looks_for_ring;
    return waited < longest;
}
/// `waited`: nanoseconds since the last message. `looks`: since then.
inline bool keeps_looking(std::int64_t waited, unsigned looks) noexcept {
    constexpr std::int64_t longest = tuning::mpi_looks_for;
    return waited < longest || looks < looks_before_nap;
}
inline void pause_between_looks(std::int64_t waited) noexcept {
    constexpr std::int64_t pauses_for = tuning::mpi_pauses_for;
    if (waited < pauses_for)
        pause();
    else
        std::this_thread::yield();
}
inline std::chrono::nanoseconds nap_after(std::int64_t waited) noexcept {
    constexpr std::int64_t shortest = tuning::mpi_shortest_nap, middle = tuning::mpi_middle_nap;
    constexpr std::int64_t longest = tuning::mpi_longest_nap;
    return std::chrono::nanoseconds(
        (std::max)(std::clamp(waited / 4, shortest, middle), (std::min)(waited / 100, longest)));
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
