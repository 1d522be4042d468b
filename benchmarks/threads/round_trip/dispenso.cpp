// SPDX-License-Identifier: MIT
//
// Queued, and not run by the one who waits, so that a trip is a trip: get() alone would run it. Once in some
// thousand trips no worker is woken, and the call waits for one that looks by itself, every 100 ms: so the number of
// trips is fixed, lest one of them be the only one.
#include "support/dispenso.hpp"
#include "threads/round_trip/workload.hpp"

using namespace benchmarks;

namespace {

struct Trip {
    dispenso::Future<int> future;
    int get() {
        require("result in time", future.wait_for(std::chrono::minutes(1)) == std::future_status::ready);
        return future.get();
    }
};

}  // namespace

static void round_trip(benchmark::State& state) {
    dispenso::ThreadPool pool(workers);
    time_calls(state, [&](int n) {
        return Trip{{[n] { return call(n); }, pool, std::launch::async, dispenso::kNotDeferred}};
    });
}
BENCHMARK(round_trip)->Name(title)->UseRealTime()->Iterations(1'000);
