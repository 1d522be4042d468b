// SPDX-License-Identifier: MIT
//
// process_memory.hpp: how much memory a process has used, and how much it may use.
//
//     if (!limit_own_memory(1 << 30)) …       // from here on new throws std::bad_alloc beyond 1 GiB
//     own_peak_memory();                      // bytes, at most so far
//
// Linux: RLIMIT_DATA, which counts heap and private writable mappings. Not RLIMIT_AS: that one counts
// address space as well that is only reserved or mapped from files and so uses no memory (thread stacks
// and malloc's arenas reserve gigabytes). Elsewhere RLIMIT_DATA counts less, so RLIMIT_AS has to do.
#pragma once

#include <sys/mman.h>
#include <sys/resource.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>

#include "concurrent/futures/detail/platform/config.hpp"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// What a rusage says, in bytes.
inline std::int64_t peak_memory(const rusage& usage) noexcept {
#if defined(__APPLE__)
    return usage.ru_maxrss;
#else
    return std::int64_t{usage.ru_maxrss} * 1024;
#endif
}

/// The most memory that this process has had at a time, in bytes. It begins with a figure of the process that
/// started it: exec() hands on that one's peak, fork() what it has then. Only an answer above the first one says
/// something about this process.
inline std::int64_t own_peak_memory() noexcept {
    rusage usage{};
    return ::getrusage(RUSAGE_SELF, &usage) == 0 ? peak_memory(usage) : 0;
}

/// Freed memory stays in the heap for the next allocation, up to `bytes`: pages that come from the
/// system cost ten times as much as writing them. Does nothing with another malloc than glibc's, or where the
/// environment has settings for malloc.
inline void keep_freed_memory([[maybe_unused]] std::size_t bytes) noexcept {
#if defined(__GLIBC__)
    for (const char* const name : {"GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"})
        if (std::getenv(name)) return;
    constexpr int largest_from_heap = 32 * 1024 * 1024;  // what glibc grows it to by itself, at most
    ::mallopt(M_MMAP_THRESHOLD, largest_from_heap);
    ::mallopt(M_TRIM_THRESHOLD, static_cast<int>(bytes));
#endif
}
inline void give_back_freed_memory() noexcept {
#if defined(__GLIBC__)
    ::malloc_trim(0);
#endif
}

/// Whether this process may have `bytes` more of private memory.
inline bool private_memory_allows(std::size_t bytes) noexcept {
    // After mlockall(MCL_FUTURE) the kernel provides all of a writable mapping at once. So a large one is made
    // without access, unlocked, and made writable then. A small one is simply made: ThreadSanitizer needs memory of
    // its own for every mapping that succeeds, and ends a process that is at its limit.
    constexpr std::size_t made_at_once = std::size_t{1} << 20;
    constexpr int writable = PROT_READ | PROT_WRITE;
    const int first = bytes <= made_at_once ? writable : PROT_NONE;
    void* const memory = ::mmap(nullptr, bytes, first, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return false;
    bool allowed = true;
    if (first != writable) {
        ::munlock(memory, bytes);
        allowed = ::mprotect(memory, bytes, writable) == 0;
    }
    ::munmap(memory, bytes);
    return allowed;
}

/// For this process and what it starts. False when it has more than that already, or nearly; nothing is
/// changed then.
inline bool limit_own_memory(std::size_t bytes) noexcept {
#if CONCURRENT_FUTURES_LINUX
    constexpr auto resource = RLIMIT_DATA;
#else
    constexpr auto resource = RLIMIT_AS;
#endif
    rlimit before{};
    if (::getrlimit(resource, &before) != 0) return false;
    rlimit limit = before;
    const auto wanted = static_cast<rlim_t>(bytes);
    if (before.rlim_max == RLIM_INFINITY || wanted < before.rlim_max) limit.rlim_max = wanted;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    // The soft limit first: what does not work must be undone.
    const rlimit trial{limit.rlim_cur, before.rlim_max};
    if (::setrlimit(resource, &trial) != 0) return false;
    constexpr std::size_t some = std::size_t{1} << 20;
    if (!private_memory_allows(some)) {
        ::setrlimit(resource, &before);
        return false;
    }
    ::setrlimit(resource, &limit);
    return true;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
