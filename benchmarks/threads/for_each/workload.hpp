// SPDX-License-Identifier: MIT
//
// A loop over an array in place, as one would write it for each library. Rows:
//   1e7 doubles          arithmetic that compilers vectorise, in place
//   1e3 doubles          the same: a loop of a microsecond or two, where the answer is to leave it alone
//   1e5 uneven items     0.1 to 2 µs each, the long ones together; the library chooses the pieces
//   …, a task each     the same items, each in a task of its own, by the library's quickest way to do so
// Counters: the time per item, and "speed-up", serial time divided by ours, measured alternately in the same
// program: two threads work in all, the caller among them where the library lets him.
#pragma once

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* title_long = "for each of 1e7 doubles";
inline constexpr const char* title_short = "for each of 1e3 doubles";
inline constexpr const char* title_uneven = "for each of 1e5 uneven items";
inline constexpr const char* title_task_each = "for each of 1e5 uneven items, a task each";

/// The caller is one of them, if he takes part.
inline constexpr int loop_threads = 2;

inline void advance(double& x) { x = std::sqrt(x * x + 1.0) / (x + 0.5); }

struct UnevenItem {
    std::uint32_t rounds;
    std::uint32_t state;
};
inline void work_on(UnevenItem& item) {
    std::uint32_t state = item.state;
    for (std::uint32_t round = 0; round < item.rounds; ++round) state = state * 1664525u + 1013904223u;
    item.state = state;
}

/// serial(), then loop(), and so on; both are checked to do the same.
template <class Element, class Loop, class F>
void time_loop(benchmark::State& state, std::vector<Element> elements, int repeats, Loop loop, F f,
               bool (*same)(const Element&, const Element&)) {
    std::vector<Element> serial = elements;
    const auto seconds = [&](auto run) {
        const auto begin = std::chrono::steady_clock::now();
        for (int repeat = 0; repeat < repeats; ++repeat) run();
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    const auto run_serial = [&] {
        for (Element& element : serial) f(element);
    };
    const auto run_loop = [&] { loop(elements); };
    run_serial();
    run_loop();
    double serial_time = 0, loop_time = 0;
    for (auto _ : state) {
        const double time = seconds(run_loop);
        loop_time += time;
        state.SetIterationTime(time);
        serial_time += seconds(run_serial);
    }
    for (std::size_t i = 0; i < elements.size(); ++i)
        require("element", same(elements[i], serial[i]));
    state.counters["per item"] = benchmark::Counter(
        static_cast<double>(elements.size()) * repeats,
        benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
    state.counters["speed-up"] = serial_time / loop_time;
}

/// `loop(elements)` calls advance for each.
template <class Loop>
void time_doubles(benchmark::State& state, int count, int repeats, Loop loop) {
    std::vector<double> numbers(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<double>(i % 1000);
    time_loop<double>(
        state, numbers, repeats, loop, advance,
        [](const double& a, const double& b) { return std::abs(a - b) < 1e-9; });
}
template <class Loop>
void time_long(benchmark::State& state, Loop loop) {
    time_doubles(state, scaled(10'000'000), 1, loop);
}
template <class Loop>
void time_short(benchmark::State& state, Loop loop) {
    time_doubles(state, 1'000, scaled(5'000), loop);
}
/// `loop(elements)` calls work_on for each.
template <class Loop>
void time_uneven(benchmark::State& state, Loop loop) {
    std::vector<UnevenItem> items(static_cast<std::size_t>(scaled(100'000)));
    for (std::size_t i = 0; i < items.size(); ++i) {
        const std::size_t tenth = i * 10 / items.size();
        items[i] = {static_cast<std::uint32_t>(100 + (tenth % 3 == 1 ? 1'000 : 0) + i % 400),
                    static_cast<std::uint32_t>(i)};
    }
    time_loop<UnevenItem>(
        state, items, 1, loop, work_on,
        [](const UnevenItem& a, const UnevenItem& b) { return a.state == b.state; });
}

/// `run(task, items)` calls task(item) for each, in a task of its own.
template <class Run>
void time_task_each(benchmark::State& state, Run run) {
    time_uneven(state, [&](std::vector<UnevenItem>& items) {
        run([](UnevenItem& item) { work_on(item); }, items);
    });
}

#define FOR_EACH_ROWS(run)                                                                           \
    BENCHMARK_CAPTURE(run, long, 0)->Name(title_long)->UseManualTime();                              \
    BENCHMARK_CAPTURE(run, short, 1)->Name(title_short)->UseManualTime();                            \
    BENCHMARK_CAPTURE(run, uneven, 2)->Name(title_uneven)->UseManualTime()

/// `loop(elements, f)` calls f for each.
template <class Loop>
void time_row(benchmark::State& state, int row, Loop loop) {
    const auto advance_all = [&](std::vector<double>& all) { loop(all, [](double& x) { advance(x); }); };
    if (row == 0) return time_long(state, advance_all);
    if (row == 1) return time_short(state, advance_all);
    time_uneven(state, [&](std::vector<UnevenItem>& all) {
        loop(all, [](UnevenItem& item) { work_on(item); });
    });
}

}  // namespace benchmarks
