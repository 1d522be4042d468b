// SPDX-License-Identifier: MIT
//
// Ours only: what an event costs in the thread to which it happens, without an observer and with a TraceFile. Two
// events, the start and the end of a task, without the task. The trace goes to a temporary file.
#include <concurrent/futures/detail/state/pool_watch.hpp>
#include <concurrent/futures/trace.hpp>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "support/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

namespace {

constexpr int pairs = 200'000;

void time_events(benchmark::State& state, const cf::detail::WatchedCall* call) {
    time_batches(state, 2 * scaled(pairs), [&](int events) {
        for (int n = 0; n < events; n += 2) {
            benchmark::DoNotOptimize(call);  // the compiler does not know whether there is an observer
            cf::detail::WatchedRun run(call);
            run.finished(true);
        }
    });
}

void without_observer(benchmark::State& state) { time_events(state, nullptr); }

void with_trace(benchmark::State& state) {
    std::error_code ignored;
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / "concurrent_futures_benchmark_of_events.json";
    {
        cf::TraceFile trace(path.string());
        const cf::detail::PoolWatch watch(trace.observer(), "threads", "pool", 1, {});
        const cf::detail::WatchedCall call(watch, {});
        time_events(state, &call);
    }
    std::filesystem::remove(path, ignored);
}

void add(const char* name, void (*function)(benchmark::State&)) {
    benchmark::RegisterBenchmark(name, function)->UseRealTime()->Iterations(5);
}

const bool all_are_added = [] {
    add("two events, no observer", without_observer);
    add("two events, TraceFile", with_trace);
    return true;
}();

}  // namespace
