// SPDX-License-Identifier: MIT
//
// Algorithms beside those of other libraries and of std, on two threads, the caller among them. Rows, each on large and small
// input: a sum, a prefix sum, a sort, and a search whose match is in the middle. Counters: the time per item, and
// "speed-up": the time of the serial algorithm of std divided by ours, measured alternately in the same program.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <random>
#include <vector>

#include "support/workload.hpp"

namespace benchmarks {

inline constexpr int algorithm_threads = 2;  // the caller is one of them

inline constexpr const char* title_reduce = "sum of 1e7 doubles";
inline constexpr const char* title_short_reduce = "sum of 1e4 doubles";
inline constexpr const char* title_scan = "prefix sum of 1e7 ints";
inline constexpr const char* title_short_scan = "prefix sum of 1e4 ints";
inline constexpr const char* title_sort = "sort of 1e6 ints";
inline constexpr const char* title_short_sort = "sort of 1e3 ints";
inline constexpr const char* title_find = "search in 1e7 ints";
inline constexpr const char* title_short_find = "search in 1e4 ints";

/// run(), then serial(), and so on; `prepare()` before each, untimed; `same()` at the end.
template <class Prepare, class Run, class Serial, class Same>
void time_algorithm(benchmark::State& state, std::size_t items, Prepare prepare, Run run, Serial serial, Same same) {
    const int repeats = std::max(1, static_cast<int>(100'000 / items));
    const auto seconds = [&](auto once) {
        double sum = 0;
        for (int repeat = 0; repeat < repeats; ++repeat) {
            prepare();
            const auto begin = std::chrono::steady_clock::now();
            once();
            sum += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        }
        return sum;
    };
    double run_time = 0, serial_time = 0;
    seconds(run);
    for (auto _ : state) {
        const double time = seconds(run);
        require("the same result as the serial algorithm", same());
        run_time += time;
        state.SetIterationTime(time);
        serial_time += seconds(serial);
    }
    state.counters["per item"] = benchmark::Counter(
        static_cast<double>(items) * repeats,
        benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
    state.counters["speed-up"] = serial_time / run_time;
}

/// `sum(numbers)` gives the sum.
template <class Sum>
void time_reduce(benchmark::State& state, int count, Sum sum) {
    std::vector<double> numbers(static_cast<std::size_t>(scaled(count)));
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<double>(i % 1000) / 7;
    const double expected = std::accumulate(numbers.begin(), numbers.end(), 0.0);
    double got = 0;
    time_algorithm(
        state, numbers.size(), [] {}, [&] { got = sum(numbers); },
        [&] { benchmark::DoNotOptimize(std::accumulate(numbers.begin(), numbers.end(), 0.0)); },
        [&] { return std::abs(got - expected) < 1e-6 * expected; });
}

/// `scan(numbers, results)` writes the prefix sums.
template <class Scan>
void time_scan(benchmark::State& state, int count, Scan scan) {
    const std::vector<std::int64_t> numbers(static_cast<std::size_t>(scaled(count)), 3);
    std::vector<std::int64_t> results(numbers.size()), expected(numbers.size());
    std::inclusive_scan(numbers.begin(), numbers.end(), expected.begin());
    time_algorithm(
        state, numbers.size(), [] {}, [&] { scan(numbers, results); },
        [&] { std::inclusive_scan(numbers.begin(), numbers.end(), expected.begin()), benchmark::ClobberMemory(); },
        [&] { return results == expected; });
}

/// `sort(numbers)` sorts. Other numbers each time: of the same thousand, the processor would know each comparison in advance.
template <class Sort>
void time_sort(benchmark::State& state, int count, Sort sort) {
    std::vector<int> numbers(static_cast<std::size_t>(scaled(count)));
    std::vector<int> unsorted(std::max<std::size_t>(numbers.size(), 100'000 / numbers.size() * numbers.size()));
    std::mt19937 dice(1);
    for (int& n : unsorted) n = static_cast<int>(dice());
    std::size_t next = 0;
    const auto prepare = [&] {
        const auto begin = unsorted.begin() + static_cast<std::ptrdiff_t>(next);
        std::copy(begin, begin + static_cast<std::ptrdiff_t>(numbers.size()), numbers.begin());
        next = (next + numbers.size()) % unsorted.size();
    };
    time_algorithm(
        state, numbers.size(), prepare, [&] { sort(numbers); },
        [&] { std::sort(numbers.begin(), numbers.end()); },
        [&] { return std::is_sorted(numbers.begin(), numbers.end()); });
}

/// `find(numbers, predicate)` gives the place of the first match.
template <class Find>
void time_find(benchmark::State& state, int count, Find find) {
    std::vector<int> numbers(static_cast<std::size_t>(scaled(count)));
    std::iota(numbers.begin(), numbers.end(), 0);
    const int wanted = static_cast<int>(numbers.size()) / 2;
    const auto matches = [wanted](int n) { return std::sqrt(static_cast<double>(n)) * std::sqrt(static_cast<double>(n)) >= wanted - 0.5; };
    std::size_t got = 0;
    time_algorithm(
        state, numbers.size(), [] {}, [&] { got = find(numbers, matches); },
        [&] { benchmark::DoNotOptimize(std::find_if(numbers.begin(), numbers.end(), matches)); },
        [&] { return got == static_cast<std::size_t>(wanted); });
}

#define ALGORITHM_ROWS(reduce, scan, sort, find)                                             \
    BENCHMARK_CAPTURE(reduce, long, 10'000'000)->Name(title_reduce)->UseManualTime();        \
    BENCHMARK_CAPTURE(reduce, short, 10'000)->Name(title_short_reduce)->UseManualTime();     \
    BENCHMARK_CAPTURE(scan, long, 10'000'000)->Name(title_scan)->UseManualTime();            \
    BENCHMARK_CAPTURE(scan, short, 10'000)->Name(title_short_scan)->UseManualTime();         \
    BENCHMARK_CAPTURE(sort, long, 1'000'000)->Name(title_sort)->UseManualTime();             \
    BENCHMARK_CAPTURE(sort, short, 1'000)->Name(title_short_sort)->UseManualTime();          \
    BENCHMARK_CAPTURE(find, long, 10'000'000)->Name(title_find)->UseManualTime();            \
    BENCHMARK_CAPTURE(find, short, 10'000)->Name(title_short_find)->UseManualTime()

}  // namespace benchmarks
