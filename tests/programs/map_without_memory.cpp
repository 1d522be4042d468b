// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^map: 1$
// expect-output: ^map_unordered: 1$
// timeout-seconds: 30
//
// The first allocation of a worker fails after the function of a map has returned. The reader hears of the end all
// the same: what tells it takes no memory.
#include <concurrent/futures/thread_pool_executor.hpp>

#include <cstdio>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

namespace cf = concurrent::futures;

static thread_local bool next_fails = false;

// Not inline: g++ warns of malloc() in one place and delete in another.
[[gnu::noinline]] void* operator new(std::size_t size) {
    if (std::exchange(next_fails, false)) throw std::bad_alloc();
    if (void* const memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

int main() {
    const std::vector<int> one{1};
    const auto call = [](int n) {
        next_fails = true;
        return n;
    };
    {
        cf::ThreadPoolExecutor pool(1);
        for (const int n : pool.map({.buffersize = 1}, call, one)) std::printf("map: %d\n", n);
    }
    cf::ThreadPoolExecutor pool(1);
    for (const int n : pool.map_unordered({.buffersize = 1}, call, one)) std::printf("map_unordered: %d\n", n);
}
