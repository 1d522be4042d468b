// SPDX-License-Identifier: MIT
//
// 256 MiB of doubles as the argument of a call that reads them where they are, one in each page, and gives
// their sum. Each trip is timed by itself, from before the submission to the result.
#pragma once

#include <numeric>
#include <span>

#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* title = "256 MiB read as a span";

using Numbers = std::vector<double>;
inline constexpr std::size_t stride = 4096 / sizeof(double);

inline double sum_of_pages(std::span<const double> numbers) {
    double sum = 0;
    for (std::size_t i = 0; i < numbers.size(); i += stride) sum += numbers[i];
    return sum;
}

/// `trip(numbers)` gives the sum.
template <class Trip>
void time_span(benchmark::State& state, Trip trip) {
    Numbers numbers(quick() ? 65'536 : 33'554'432);
    std::iota(numbers.begin(), numbers.end(), 0.5);
    const double expected = sum_of_pages(numbers);
    time_trips(
        state, 1, [&](int) { return trip(numbers); },
        [&](int, double sum) { check("the sum of one number per page", sum, expected); })
        .report_median(state);
}

}  // namespace benchmarks
