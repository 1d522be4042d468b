// SPDX-License-Identifier: MIT
//
// One half in another thread, as one would write it without a library.
#include <future>

#include "threads/for_each/workload.hpp"

using namespace benchmarks;

static void for_each(benchmark::State& state, int row) {
    time_row(state, row, [](auto& elements, auto f) {
        const auto half = elements.begin() + static_cast<std::ptrdiff_t>(elements.size() / 2);
        const auto other = std::async(std::launch::async,
                                      [&] { std::for_each(half, elements.end(), f); });
        std::for_each(elements.begin(), half, f);
        other.wait();
    });
}
FOR_EACH_ROWS(for_each);
