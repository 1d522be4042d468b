// SPDX-License-Identifier: MIT
//
// stack_limit.hpp: how much of its stack a thread may still use.
//
//     StackLimit limit = StackLimit::of_this_thread();
//     if (limit.has_room()) recurse();
//
// An eighth of the stack is kept in reserve, at least 64 KiB: for what the recursion calls. Where the system does
// not tell the bounds, the given size, or 512 KiB, below the first frame is taken for the stack of a thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "concurrent/futures/detail/platform/config.hpp"

#if CONCURRENT_FUTURES_LINUX
#include <pthread.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class StackLimit {
  public:
    /// Without a limit.
    StackLimit() = default;

    /// `size_given`: what the thread was started with, or 0.
    static StackLimit of_this_thread(std::size_t size_given = 0) noexcept {
        const std::size_t usual = size_given != 0 ? size_given : 512 * 1024;
        StackLimit limit;
        const std::uintptr_t here = frame();
#if CONCURRENT_FUTURES_LINUX
        pthread_attr_t attributes;
        if (::pthread_getattr_np(::pthread_self(), &attributes) == 0) {
            void* lowest = nullptr;
            std::size_t size = 0;
            const bool known = ::pthread_attr_getstack(&attributes, &lowest, &size) == 0 && size != 0;
            ::pthread_attr_destroy(&attributes);
            if (known) {
                limit.lowest_ = reinterpret_cast<std::uintptr_t>(lowest) + reserve_of(size);
                return limit;
            }
        }
#endif
        limit.lowest_ = here > usual ? here - usual + reserve_of(usual) : 0;
        return limit;
    }
    /// By the thread that it is of.
    bool has_room() const noexcept { return frame() > lowest_; }

  private:
    static constexpr std::size_t reserve_of(std::size_t size) noexcept {
        constexpr std::size_t least = 64 * 1024;
        return size / 8 > least ? size / 8 : least;
    }
    /// About where the stack ends now. Not the address of a variable, which AddressSanitizer may keep elsewhere.
    static std::uintptr_t frame() noexcept {
        return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    }

    std::uintptr_t lowest_ = 0;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
