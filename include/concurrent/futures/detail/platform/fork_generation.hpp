// SPDX-License-Identifier: MIT
//
// fork_generation.hpp: notice that this process is a fork of the one that made an object.
//
//     const unsigned born = fork_generation();
//     …
//     if (fork_generation() != born) return;   // our threads and children did not come along
//
// One relaxed load, cheap enough for every submit; getpid() is a system call.
#pragma once

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/config.hpp"

#if CONCURRENT_FUTURES_HAS_PROCESSES
#include <pthread.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline Atomic<unsigned> current_fork_generation{0};

inline unsigned fork_generation() noexcept {
#if CONCURRENT_FUTURES_HAS_PROCESSES
    // relaxed: counting one up in the child is the only use; the count orders nothing.
    static const bool registered = ::pthread_atfork(nullptr, nullptr, [] {
        current_fork_generation.fetch_add(1, std::memory_order_relaxed);
    }) == 0;
    static_cast<void>(registered);
#endif
    // relaxed: written only in a new process, before it runs anything else.
    return current_fork_generation.load(std::memory_order_relaxed);
}

}  // namespace concurrent::futures::inline v1::detail
