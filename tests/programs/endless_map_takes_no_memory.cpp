// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^map_unordered behind a long item: few$
// expect-output: ^map: few$
// timeout-seconds: 60
//
// A map with a buffersize over an endless input keeps no more than its buffer, however many results were read and
// though the first item has not ended.
#include <concurrent/futures/thread_pool_executor.hpp>

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <ranges>

namespace cf = concurrent::futures;

static std::atomic<long> objects{0};  // that operator new has made

// Not inline: g++ warns of malloc() in one place and delete in another.
[[gnu::noinline]] void* operator new(std::size_t size) {
    void* const memory = std::malloc(size);
    if (!memory) throw std::bad_alloc();
    ++objects;
    return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    if (memory) --objects;
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { ::operator delete(memory); }

static constexpr int items = 5000, few = 300;

template <class Results>
static void read(const char* what, Results results) {
    auto result = results.begin();
    for (int n = 0; n < 50; ++n, ++result) static_cast<void>(*result);
    const long before = objects;
    for (int n = 0; n < items; ++n, ++result) static_cast<void>(*result);
    const long more = objects - before;
    if (more < few)
        std::printf("%s: few\n", what);
    else
        std::printf("%s: %ld objects\n", what, more);
}

int main() {
    std::atomic<bool> may_end{false};
    cf::ThreadPoolExecutor pool(2);  // goes first
    const auto first_is_long = [&](int n) {
        if (n == 0) may_end.wait(false);
        return n;
    };
    const std::ranges::iota_view<int> endless(0);
    read("map_unordered behind a long item", pool.map_unordered({.buffersize = 4}, first_is_long, endless));
    may_end = true;
    may_end.notify_all();
    read("map", pool.map({.buffersize = 4}, first_is_long, endless));
}
