// SPDX-License-Identifier: MIT
//
// counted_new.hpp: an operator new that counts, and that fails when it is told to. For programs of one source file.
//
//     const long before = support::objects;
//     …
//     support::print_growth("after many tasks", before, 300);   // "after many tasks: few", or how many objects more
//
//     support::allocations_left = 5;                            // of this thread; the sixth throws std::bad_alloc
//     support::allocations_left = support::any_number;
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace support {

inline std::atomic<long> objects{0};  // that operator new has made
inline constexpr long any_number = -1;
inline thread_local long allocations_left = any_number;

inline void print_growth(const char* what, long before, long few) {
    const long more = objects - before;
    if (more < few)
        std::printf("%s: few\n", what);
    else
        std::printf("%s: %ld objects\n", what, more);
}

}  // namespace support

// Not inline: g++ warns of malloc() in one place and delete in another.
[[gnu::noinline]] void* operator new(std::size_t size) {
    if (support::allocations_left == 0) throw std::bad_alloc();
    void* const memory = std::malloc(size);
    if (!memory) throw std::bad_alloc();
    if (support::allocations_left > 0) --support::allocations_left;
    ++support::objects;
    return memory;
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
    if (support::allocations_left == 0) throw std::bad_alloc();
    const auto unit = static_cast<std::size_t>(alignment);
    void* const memory = std::aligned_alloc(unit, (size + unit - 1) / unit * unit);
    if (!memory) throw std::bad_alloc();
    if (support::allocations_left > 0) --support::allocations_left;
    ++support::objects;
    return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    if (memory) --support::objects;
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { ::operator delete(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { ::operator delete(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { ::operator delete(memory); }
