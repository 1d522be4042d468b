// SPDX-License-Identifier: MIT
//
// What a pool of two costs when there is nothing to do, or little. Three windows, none of them timed:
//
//     from the last result on, 0.1 s     until its workers have gone to rest
//     then one second                    of idleness: what goes on in other threads than the one that measures
//     one second                         with a task every millisecond, their futures kept: the whole process
//
// Left out at rest: std::async, std::thread, which have no pool. raw_floor.cpp: the same loop without tasks.
#pragma once

#include <latch>
#include <thread>

#include "support/usage.hpp"
#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* title_idle = "idle pool";
inline constexpr const char* title_trickle = "1000 tasks per second";

inline std::chrono::nanoseconds window() { return std::chrono::milliseconds(quick() ? 100 : 1000); }

inline Usage used_meanwhile(std::chrono::nanoseconds time) {
    const Usage before = usage_of_other_threads();
    std::this_thread::sleep_for(time);
    return usage_of_other_threads() - before;
}

/// `submit(call)` gives something whose get() gives what call() gives.
template <class Submit>
void rest_after_work(benchmark::State& state, Submit submit) {
    for (auto _ : state) {
        std::latch all_at_work(workers);
        const auto meet = [&all_at_work] {
            all_at_work.arrive_and_wait();
            return 1;
        };
        std::vector<decltype(submit(meet))> futures;
        for (int n = 0; n < workers; ++n) futures.push_back(submit(meet));
        int met = 0;
        for (auto& future : futures) met += std::move(future).get();
        check("workers that met", met, workers);

        const Usage resting = used_meanwhile(window() / 10);
        const Usage idle = used_meanwhile(window());
        const double seconds = std::chrono::duration<double>(window()).count();
        state.counters["CPU ms until at rest"] = resting.cpu_seconds * 1e3;
        state.counters["CPU ms/s"] = idle.cpu_seconds * 1e3 / seconds;
        state.counters["context switches/s"] = idle.context_switches / seconds;
    }
}

/// Calls tick(n) every millisecond.
template <class Tick>
void time_ticks(benchmark::State& state, Tick tick) {
    const double before = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    const auto begin = std::chrono::steady_clock::now();
    const auto end = begin + window();
    int n = 0;
    for (auto next = begin; next < end; next += std::chrono::milliseconds(1)) {
        std::this_thread::sleep_until(next);
        tick(n++);
    }
    std::this_thread::sleep_until(end);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    state.counters["CPU ms/s"] = (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - before) * 1e3 / seconds;
}

template <class Submit>
void trickle(benchmark::State& state, Submit submit) {
    const auto increment = [](int n) { return [n] { return n + 1; }; };
    for (auto _ : state) {
        check("first result", submit(increment(0)).get(), 1);
        std::vector<decltype(submit(increment(0)))> futures;
        time_ticks(state, [&](int n) { futures.push_back(submit(increment(n))); });
        std::int64_t sum = 0;
        for (auto& future : futures) sum += std::move(future).get();
        check("sum of the results", sum, sum_up_to(static_cast<std::int64_t>(futures.size())));
    }
}

}  // namespace benchmarks
