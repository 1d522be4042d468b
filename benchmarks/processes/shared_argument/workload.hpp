// SPDX-License-Identifier: MIT
//
// The same 64 MiB of doubles as an argument of 100 calls, each of which reads one number in each page. Timed is
// all of it, from before the first submission to the last result; per call.
#pragma once

#include <numeric>
#include <span>

#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* title = "the same 64 MiB for 100 calls";

using Numbers = std::vector<double>;
inline constexpr std::size_t stride = 4096 / sizeof(double);
inline constexpr int calls = 100;

inline double sum_of_pages(std::span<const double> numbers, int factor) {
    double sum = 0;
    for (std::size_t i = 0; i < numbers.size(); i += stride) sum += numbers[i];
    return sum * factor;
}

/// `share(numbers)` makes of the numbers, which are fresh, what `submit(shared, factor)` takes, whose get() gives
/// the sum.
template <class Share, class Submit>
void time_shared_argument(benchmark::State& state, Share share, Submit submit) {
    Numbers numbers(quick() ? 16'384 : 8'388'608);
    std::iota(numbers.begin(), numbers.end(), 0.5);
    const double expected = sum_of_pages(numbers, 1);
    time_batches(state, quick() ? 10 : calls, [&](int count) {
        const auto shared = share(numbers);
        std::vector<decltype(submit(shared, 0))> futures;
        for (int n = 0; n < count; ++n) futures.push_back(submit(shared, n));
        for (int n = 0; n < count; ++n) check("a sum", futures[static_cast<std::size_t>(n)].get(), expected * n);
    });
}

}  // namespace benchmarks
