// SPDX-License-Identifier: MIT
//
// One task at a time: from before the submission to its result in the submitter. Each trip is timed by
// itself. Counters: p50, p99, mean; and the processor time of a trip, spinning and waking included. Not timed:
// starting the pool.
#pragma once

#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* title = "round trip";

inline int call(int n) { return n + 1; }

template <class Submit>
void time_calls(benchmark::State& state, Submit submit) {
    time_round_trips(state, submit).report_processor_time(state);
}

}  // namespace benchmarks
