// SPDX-License-Identifier: MIT
//
// page_memory.hpp: aligned pages, so that any address in a page tells where the page begins.
//
// Each has the size of four system pages, less 16 bytes. With these 16 bytes free, glibc puts its own header there and
// packs the pages one behind the other; otherwise it would leave a system page between every two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline constexpr std::size_t page_alignment = tuning::block_page;
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
