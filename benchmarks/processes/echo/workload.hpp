// SPDX-License-Identifier: MIT
//
// 16 MiB of doubles as the argument, the same 16 MiB as the result. Each trip is timed by itself, from
// before the submission to the result in the submitter's memory; comparing it with the argument is not
// timed.
#pragma once

#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* title = "16 MiB there and back";

using Numbers = std::vector<double>;

inline Numbers echo(const Numbers& numbers) { return numbers; }

/// `trip(numbers)` gives the numbers that came back.
template <class Trip>
void time_echo(benchmark::State& state, Trip trip) {
    Numbers numbers(quick() ? 16'384 : 2'097'152);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = 0.5 * static_cast<double>(i);
    time_trips(
        state, 1, [&](int) { return trip(numbers); },
        [&](int, const Numbers& returned) { require("the same numbers", returned == numbers); })
        .report_median(state);
}

}  // namespace benchmarks
