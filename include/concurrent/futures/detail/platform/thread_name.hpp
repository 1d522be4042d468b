// SPDX-License-Identifier: MIT
//
// thread_name.hpp: the name and the number that debuggers, top and perf show for a thread.
#pragma once

#include <cstdint>
#include <string>
#include <thread>

#include "concurrent/futures/detail/platform/config.hpp"

#if CONCURRENT_FUTURES_LINUX || defined(__APPLE__)
#include <pthread.h>
#endif
#if CONCURRENT_FUTURES_LINUX
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Names the calling thread; cut to the 15 characters that Linux keeps. The tail of a pool
/// thread's name is its number, so the cut takes from the front part.
inline void name_current_thread(const std::string& prefix, std::size_t number) noexcept {
    try {
        std::string suffix(1, '_');
        suffix += std::to_string(number);
        const std::size_t room = suffix.size() < 15 ? 15 - suffix.size() : 0;
        const std::string name = prefix.substr(0, room) + suffix;
#if CONCURRENT_FUTURES_LINUX
        ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
#elif defined(__APPLE__)
        ::pthread_setname_np(name.c_str());
#endif
    } catch (...) {  // out of memory: a nameless thread works as well
    }
}

/// Of the calling thread: on Linux what gdb calls LWP and top TID; elsewhere a number that no other thread has.
inline std::uint64_t current_thread_number() noexcept {
#if CONCURRENT_FUTURES_LINUX
    return static_cast<std::uint64_t>(::syscall(SYS_gettid));
#else
    return static_cast<std::uint64_t>(std::hash<std::thread::id>()(std::this_thread::get_id()));
#endif
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
