// SPDX-License-Identifier: MIT
//
// One task at a time: from before the submission to its result in the submitter. Each trip is timed by
// itself. Not timed: starting the pool.
#pragma once

#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* title = "round trip";

inline int call(int n) { return n + 1; }

}  // namespace benchmarks
