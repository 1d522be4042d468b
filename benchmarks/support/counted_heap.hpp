// SPDX-License-Identifier: MIT
//
// counted_heap.hpp: counts each time the program or its libraries ask for memory: malloc and its kin,
// through it operator new, and mmap. It defines these functions: for programs of one file. glibc.
//
//     const std::uint64_t before = allocations();
//     …
//     const std::uint64_t made = allocations() - before;
#pragma once

#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace benchmarks {

inline constinit std::atomic<std::uint64_t> allocation_count{0};

inline void count_allocation() noexcept {
    // relaxed: a count; it is read when the threads that allocate are at rest.
    allocation_count.fetch_add(1, std::memory_order_relaxed);
}
inline std::uint64_t allocations() noexcept {
    return allocation_count.load(std::memory_order_relaxed);  // relaxed: see above
}

}  // namespace benchmarks

extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) noexcept {
    benchmarks::count_allocation();
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
    benchmarks::count_allocation();
    return __libc_calloc(count, size);
}
void* realloc(void* block, std::size_t size) noexcept {
    benchmarks::count_allocation();
    return __libc_realloc(block, size);
}
void* memalign(std::size_t alignment, std::size_t size) noexcept {
    benchmarks::count_allocation();
    return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    return memalign(alignment, size);
}
int posix_memalign(void** block, std::size_t alignment, std::size_t size) noexcept {
    *block = memalign(alignment, size);
    return *block ? 0 : ENOMEM;
}
void* mmap(void* address, std::size_t size, int protection, int flags, int file, off_t offset) noexcept {
    benchmarks::count_allocation();
    return reinterpret_cast<void*>(::syscall(SYS_mmap, address, size, protection, flags, file, offset));
}

}  // extern "C"
