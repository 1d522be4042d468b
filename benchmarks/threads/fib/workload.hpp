// SPDX-License-Identifier: MIT
//
// fib(n) = fib(n - 1) in a task of its own + fib(n - 2) here, down to the leaves, inside the workers:
// tasks that submit tasks and wait for them. Timed: from the root's submission to its result, per call of
// fib. Two rows: with a future for each, and forked and joined without. Where a library has no futures that
// a task may wait for, its one way stands in both. Left out: pools whose workers block while they wait (Asio,
// BS::thread_pool), they deadlock.
#pragma once

#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* title = "fib by submit + result";
inline constexpr const char* title_joined = "fib by fork + join";

inline int deep() { return quick() ? 10 : 22; }
inline int shallow() { return quick() ? 6 : 12; }  // where every task is a thread

inline int serial_fib(int n) { return n < 2 ? n : serial_fib(n - 1) + serial_fib(n - 2); }
inline int calls_of_fib(int n) { return n < 2 ? 1 : 1 + calls_of_fib(n - 1) + calls_of_fib(n - 2); }

template <class Fib>
void time_fib(benchmark::State& state, int n, Fib fib) {
    const int expected = serial_fib(n);
    time_batches(state, calls_of_fib(n), [&](int) { check("fib", fib(n), expected); });
}

}  // namespace benchmarks
