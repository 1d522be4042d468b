// SPDX-License-Identifier: MIT
//
// valgrind.hpp: whether this process runs under valgrind, without valgrind's headers.
//
//     if (runs_under_valgrind()) …      // reserve less address space
//
// Valgrind's search for leaks, at the end of each process, reads all memory that is mapped as valgrind knows it. It
// makes the system provide reserved memory, and what MADV_DONTFORK takes away in a child costs it a SIGSEGV for every
// eight bytes. Valgrind 3.19 knows no MADV_DONTFORK. Threads: any.
#pragma once

#include <cstring>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"

#if CONCURRENT_FUTURES_LINUX
#include <link.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

#if CONCURRENT_FUTURES_LINUX

/// Every tool of valgrind loads libraries of this name into the program. The environment, which says so as well, may not
/// be read while another thread changes it.
inline bool runs_under_valgrind() noexcept {
    enum : int { unknown, no, yes };
    static constinit Atomic<int> answer{unknown};
    // relaxed: a number that every thread finds for itself.
    int known = answer.load(std::memory_order_relaxed);
    if (known == unknown) {
        const ModuleVisit visit;
        const int found = ::dl_iterate_phdr(
            [](dl_phdr_info* info, std::size_t, void*) {
                return info->dlpi_name && std::strstr(info->dlpi_name, "/vgpreload_") ? 1 : 0;
            },
            nullptr);
        known = found != 0 ? yes : no;
        // relaxed: as above.
        answer.store(known, std::memory_order_relaxed);
    }
    return known == yes;
}

#else

inline bool runs_under_valgrind() noexcept { return false; }

#endif

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
