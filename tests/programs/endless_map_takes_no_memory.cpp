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
#include <ranges>

#include "support/counted_new.hpp"

namespace cf = concurrent::futures;

static constexpr int items = 5000, few = 300;

template <class Results>
static void read(const char* what, Results results) {
    auto result = results.begin();
    for (int n = 0; n < 50; ++n, ++result) static_cast<void>(*result);
    const long before = support::objects;
    for (int n = 0; n < items; ++n, ++result) static_cast<void>(*result);
    support::print_growth(what, before, few);
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
