// SPDX-License-Identifier: MIT
//
// From nothing to the first result of a pool of two, by each start method, from this small process and from one
// with 1 GiB resident. Not timed: shutting the pool down.
#pragma once

#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* title_fork = "pool to first result, fork";
inline constexpr const char* title_spawn = "pool to first result, spawn";
inline constexpr const char* title_fork_from_large = "pool to first result, fork from 1 GiB";
inline constexpr const char* title_spawn_from_large = "pool to first result, spawn from 1 GiB";

inline int call(int n) { return n + 1; }

/// Written to, so that it is resident; for the rest of the program, so that these rows come last.
inline void be_large() {
    static const std::vector<char> memory((quick() ? std::size_t{1} : std::size_t{1024}) << 20, 'x');
    benchmark::DoNotOptimize(memory.data());
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
