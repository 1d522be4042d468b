// SPDX-License-Identifier: MIT
//
// Four threads submit at once: each a quarter of the tasks of the workloads submit_result and post. Timed: from the
// start of the producers to their end. Left out: OpenMP, whose tasks come from within its team.
#pragma once

#include <thread>

#include "support/arrivals.hpp"
#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* title_result = "4 producers: submit, keep, result";
inline constexpr const char* title_post = "4 producers: post, wait for all";
inline constexpr int producers = 4;
inline constexpr int many = 1'000'000;
inline constexpr int few = 4'000;  // where every task is a thread

inline int call(int n) { return n + 1; }

/// Calls produce(tasks) in each of `threads` producers.
template <class Produce>
void time_producers(benchmark::State& state, int threads, int tasks, Produce produce) {
    const int each = std::max(scaled(tasks) / threads, 1);
    time_batches(state, each * threads, [&](int) {
        std::vector<std::thread> started;
        for (int i = 0; i < threads; ++i) started.emplace_back([&] { produce(each); });
        for (std::thread& thread : started) thread.join();
    });
}

template <class Submit>
void produce_results(benchmark::State& state, int tasks, Submit submit, int threads = producers) {
    time_producers(state, threads, tasks, [&](int count) { keep_and_read_once(count, submit); });
}

template <class Post>
void produce_posts(benchmark::State& state, int tasks, Post post, int threads = producers) {
    time_producers(state, threads, tasks, [&](int count) {
        Arrivals arrivals(count);
        for (int n = 0; n < count; ++n) post([&arrivals, n] { arrivals.arrive(n); });
        arrivals.wait();
    });
}

}  // namespace benchmarks
