// SPDX-License-Identifier: MIT
//
// From nothing to the first result of a pool of two, by each start method, and by fork from a parent with
// 256 MiB resident. Not timed: shutting the pool down.
#pragma once

#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* title_fork = "pool to first result, fork";
inline constexpr const char* title_fork_from_large = "pool to first result, fork from 256 MiB";
inline constexpr const char* title_spawn = "pool to first result, spawn";

inline int call(int n) { return n + 1; }

/// Written to, so that it is resident.
inline std::vector<char> resident_memory() {
    return std::vector<char>((quick() ? std::size_t{1} : std::size_t{256}) << 20, 'x');
}

/// `make()` starts something that can be called: first_result(started, n).
template <class Make, class FirstResult>
void time_start(benchmark::State& state, Make make, FirstResult first_result) {
    Samples samples;
    int n = 0;
    for (auto _ : state) {
        const auto begin = std::chrono::steady_clock::now();
        auto started = make();
        const int answer = first_result(started, n);
        samples.add(std::chrono::steady_clock::now() - begin);
        check("first result", answer, n + 1);
        ++n;
    }
    samples.report_median(state);
}

}  // namespace benchmarks
