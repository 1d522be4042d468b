// SPDX-License-Identifier: MIT
//
// page_memory.hpp: memory in pages whose address tells where they begin.
//
// Four of the system's pages each, and not quite: with 16 bytes less glibc packs them one behind the other, its
// own header in the gap; with all of it, it would leave a page between every two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline constexpr std::size_t page_alignment = 16384;
inline constexpr std::size_t page_size = page_alignment - 16;

/// Throws std::bad_alloc.
inline void* allocate_page() {
#if CONCURRENT_FUTURES_HAS_PROCESSES
    void* page = nullptr;
    if (::posix_memalign(&page, page_alignment, page_size) != 0) throw std::bad_alloc();
    return page;
#else
    return ::operator new(page_size, std::align_val_t{page_alignment});
#endif
}

inline void free_page(void* page) noexcept {
#if CONCURRENT_FUTURES_HAS_PROCESSES
    ::free(page);
#else
    ::operator delete(page, page_size, std::align_val_t{page_alignment});
#endif
}

inline void* page_of(void* address) noexcept {
    return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(address) &
                                   ~std::uintptr_t{page_alignment - 1});
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
