// SPDX-License-Identifier: MIT
//
// What a pool of two asks of the heap and keeps. Nothing is timed.
//
//     steady state   waves of 1000 tasks, all futures of a wave kept, then read: how often anybody asks for
//                    memory (counted_heap.hpp), per task, after as many waves before
//     burst          1e6 tasks whose futures are all kept: the same; resident memory per future when all tasks
//                    have run, the handles in the caller's vector aside; and what of it is still resident when
//                    the futures are gone and the pool is still there
//
// Left out: std::thread, which has no futures; the burst of OpenMP, which has none either.
#pragma once

#include "support/counted_heap.hpp"
#include "support/usage.hpp"
#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* title_steady = "steady state";
inline constexpr const char* title_burst = "burst";
inline constexpr int wave = 1'000;
inline constexpr int waves = 100;
inline constexpr int few_waves = 4;  // where every task is a thread
inline constexpr int many = 1'000'000;
inline constexpr int few = 4'000;  // where every task is a thread

inline int call(int n) { return n + 1; }

/// run_wave(tasks) runs so many tasks.
template <class RunWave>
void count_allocations(benchmark::State& state, int count, RunWave run_wave) {
    for (auto _ : state) {
        for (int n = 0; n < count; ++n) run_wave(wave);
        const std::uint64_t before = allocations();
        for (int n = 0; n < count; ++n) run_wave(wave);
        state.counters["allocations/task"] =
            static_cast<double>(allocations() - before) / (static_cast<double>(wave) * count);
    }
}

template <class Submit>
void steady_state(benchmark::State& state, int count, Submit submit) {
    std::vector<std::invoke_result_t<Submit&, int>> futures;
    futures.reserve(wave);
    count_allocations(state, quick() ? 2 : count, [&](int tasks) {
        for (int n = 0; n < tasks; ++n) futures.push_back(submit(n));
        std::int64_t sum = 0;
        for (auto& future : futures) sum += std::move(future).get();
        check("sum of the results", sum, sum_up_to(tasks));
        futures.clear();
    });
}

template <class Submit>
void burst(benchmark::State& state, int tasks, Submit submit) {
    using Future = std::invoke_result_t<Submit&, int>;
    const int count = scaled(tasks);
    for (auto _ : state) {
        check("first result", submit(0).get(), 1);
        const double before = resident_bytes();
        std::vector<Future> futures;
        futures.reserve(static_cast<std::size_t>(count));
        const std::uint64_t allocations_before = allocations();
        for (int n = 0; n < count; ++n) futures.push_back(submit(n));
        for (auto& future : futures) future.wait();
        state.counters["allocations/task"] =
            static_cast<double>(allocations() - allocations_before) / count;
        state.counters["bytes/future"] =
            (resident_bytes() - before) / count - static_cast<double>(sizeof(Future));

        std::int64_t sum = 0;
        for (auto& future : futures) sum += std::move(future).get();
        check("sum of the results", sum, sum_up_to(count));
        std::vector<Future>().swap(futures);
        state.counters["bytes/future left behind"] = (resident_bytes() - before) / count;
    }
}

}  // namespace benchmarks
