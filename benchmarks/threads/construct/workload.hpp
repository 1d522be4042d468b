// SPDX-License-Identifier: MIT
//
// A pool from nothing to nothing: construct it for two or for 64 workers, have one result from it, destroy
// it with its threads. All of that is timed, each time by itself. raw_floor.cpp: one thread started and
// joined. Left out: std::async and std::thread, whose every call is that already.
#pragma once

#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* title_of_2 = "construct, one result, destroy: 2 workers";
inline constexpr const char* title_of_64 = "construct, one result, destroy: 64 workers";

inline int call(int n) { return n + 1; }

/// once(n) does all of it and gives call(n).
template <class Once>
void time_construction(benchmark::State& state, Once once) {
    time_trips(state, quick() ? 1 : 5, once, [](int n, int answer) { check("result", answer, n + 1); })
        .report_median(state);
}

}  // namespace benchmarks
