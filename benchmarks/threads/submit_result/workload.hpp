// SPDX-License-Identifier: MIT
//
// Submit tasks that do nothing but i + 1, keep all their futures, then read them in order. Timed: submitting,
// running, reading, destroying the futures. Not timed: starting the pool.
#pragma once

#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* title = "submit, keep, result";
inline constexpr int many = 1'000'000;
inline constexpr int few = 4'000;  // where every task is a thread

inline int call(int n) { return n + 1; }

}  // namespace benchmarks
