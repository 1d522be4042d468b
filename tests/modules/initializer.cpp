// SPDX-License-Identifier: MIT
//
// initializer.cpp: a library that uses pools while it is loaded, and while it is unloaded.
#include <concurrent/futures.hpp>

#include <numeric>
#include <vector>

namespace cf = concurrent::futures;

static int use_pools() {
    cf::ThreadPoolExecutor pool({.max_workers = 2});
    for (int i = 0; i < 100; ++i) pool.post([] {});
    std::vector<int> numbers(1000);
    std::iota(numbers.begin(), numbers.end(), 0);
    int sum = 0;
    for (const int n : pool.map([](int n) { return n % 2; }, numbers)) sum += n;
    sum += pool.submit([&] { return pool.submit([] { return 5; }).result(); }).result();
    return sum + pool.submit([] { return 1; }).then([](int n) { return n + 1; }).result();
}

static const struct AtLoad {
    int sum = use_pools();
    ~AtLoad() { use_pools(); }
} at_load;

extern "C" int initializer_sum() { return at_load.sum; }
