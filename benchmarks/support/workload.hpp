// SPDX-License-Identifier: MIT
//
// workload.hpp: how all workloads are driven, timed and checked, whatever the library.
//
//     void submit_result(benchmark::State& state) {
//         cf::ThreadPoolExecutor pool({.max_workers = workers});
//         keep_then_read(state, many, [&](int n) { return pool.submit(call, n); });
//     }
//     BENCHMARK(submit_result)->Name(title)->UseRealTime();
//
// A driver runs the work once untimed, so that memory and threads are there, then as often as Google
// Benchmark asks. Every answer is checked; a wrong one aborts the program. Counters are in seconds.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <type_traits>
#include <utility>
#include <vector>

namespace benchmarks {

/// Beside the one thread that submits.
inline constexpr int workers = 2;

inline bool& quick() {
    static bool value = false;
    return value;
}
/// `count`, or one in a hundred of it with --quick.
inline int scaled(int count) { return quick() ? std::max(count / 100, 8) : count; }

/// Ends the program unless the answer is right.
template <class Got, class Expected>
void check(const char* what, const Got& got, const Expected& expected) {
    if (got == expected) return;
    if constexpr (std::is_integral_v<Got> && std::is_integral_v<Expected>)
        std::fprintf(stderr, "wrong answer: %s: %lld instead of %lld\n", what,
                     static_cast<long long>(got), static_cast<long long>(expected));
    else
        std::fprintf(stderr, "wrong answer: %s\n", what);
    std::abort();
}

inline void require(const char* what, bool holds) { check(what, holds, true); }

/// 1 + 2 + … + n: the sum of what call(0) … call(n - 1) give, where call(i) is i + 1.
inline std::int64_t sum_up_to(std::int64_t n) { return n * (n + 1) / 2; }

/// Times batch(items), which does the whole work and checks it. Counter: the time per item.
template <class Batch>
void time_batches(benchmark::State& state, int items, Batch batch) {
    batch(items);
    for (auto _ : state) batch(items);
    state.counters["per item"] = benchmark::Counter(
        items, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

/// Submits, keeps all futures, then reads them in order; the futures' destruction is included.
template <class Submit>
void keep_and_read_once(int tasks, Submit& submit) {
    std::vector<std::invoke_result_t<Submit&, int>> futures;
    futures.reserve(static_cast<std::size_t>(tasks));
    for (int n = 0; n < tasks; ++n) futures.push_back(submit(n));
    std::int64_t sum = 0;
    for (auto& future : futures) sum += std::move(future).get();
    check("sum of the results", sum, sum_up_to(tasks));
}

template <class Submit>
void keep_then_read(benchmark::State& state, int tasks, Submit submit) {
    time_batches(state, scaled(tasks), [&](int count) { keep_and_read_once(count, submit); });
}

/// Samples of something that takes long enough to be timed one by one (a clock read is about 25 ns).
class Samples {
  public:
    void add(std::chrono::steady_clock::duration time) {
        seconds_.push_back(std::chrono::duration<double>(time).count());
    }
    double last() const { return seconds_.back(); }

    void report_median(benchmark::State& state) { state.counters["p50"] = percentile(50); }
    void report_distribution(benchmark::State& state) {
        report_median(state);
        state.counters["p99"] = percentile(99);
        double sum = 0;
        for (const double value : seconds_) sum += value;
        state.counters["mean"] = sum / static_cast<double>(seconds_.size());
    }
    /// Of all threads of this process, per sample, with what lies between the samples.
    void report_processor_time(benchmark::State& state) const {
        state.counters["processor time"] = processor_seconds / static_cast<double>(seconds_.size());
    }
    double processor_seconds = 0;

  private:
    double percentile(int percent) {
        std::sort(seconds_.begin(), seconds_.end());
        return seconds_[(seconds_.size() - 1) * static_cast<std::size_t>(percent) / 100];
    }
    std::vector<double> seconds_;
};

/// Times trip(n), one after the other; check_trip(n, answer) runs outside the time.
template <class Trip, class Check>
Samples time_trips(benchmark::State& state, int warm_ups, Trip trip, Check check_trip) {
    for (int n = 0; n < warm_ups; ++n) check_trip(n, trip(n));
    Samples samples;
    int n = 0;
    const std::clock_t clock_before = std::clock();
    for (auto _ : state) {
        const auto begin = std::chrono::steady_clock::now();
        auto answer = trip(n);
        samples.add(std::chrono::steady_clock::now() - begin);
        check_trip(n, answer);
        ++n;
    }
    samples.processor_seconds = static_cast<double>(std::clock() - clock_before) / CLOCKS_PER_SEC;
    return samples;
}

/// One call at a time: from before the submission to its result. Counters: p50, p99, mean. First for a quarter
/// of a second untimed: it takes the kernel that long to give threads that have just started a processor each.
template <class Submit>
Samples time_round_trips(benchmark::State& state, Submit submit) {
    const auto trip = [&](int n) { return submit(n).get(); };
    const auto check_trip = [](int n, int answer) { check("result", answer, n + 1); };
    const auto settled = std::chrono::steady_clock::now() + std::chrono::milliseconds(quick() ? 1 : 250);
    while (std::chrono::steady_clock::now() < settled) check_trip(0, trip(0));
    Samples samples = time_trips(state, 1, trip, check_trip);
    samples.report_distribution(state);
    return samples;
}

}  // namespace benchmarks
