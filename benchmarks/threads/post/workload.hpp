// SPDX-License-Identifier: MIT
//
// Start tasks without a future, then wait until all have run. Every task adds to one shared sum
// (arrivals.hpp). Timed: starting, running, waiting. Not timed: starting the pool.
#pragma once

#include "support/arrivals.hpp"
#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* title = "post, wait for all";
inline constexpr int many = 1'000'000;
inline constexpr int few = 4'000;  // where every task is a thread

/// `post(task)` starts a task; `wait_for_all()` is the library's own way to wait, if it has one.
template <class Post, class Wait>
void post_then_wait(benchmark::State& state, int tasks, Post post, Wait wait_for_all) {
    time_batches(state, scaled(tasks), [&](int count) {
        Arrivals arrivals(count);
        for (int n = 0; n < count; ++n) post([&arrivals, n] { arrivals.arrive(n); });
        wait_for_all();
        arrivals.wait();
    });
}
template <class Post>
void post_then_wait(benchmark::State& state, int tasks, Post post) {
    post_then_wait(state, tasks, post, [] {});
}

}  // namespace benchmarks
