// SPDX-License-Identifier: MIT
//
// The floor: one memcpy into memory that is there already, and the same reading, without processes.
#include <cstring>

#include "processes/shared_argument/workload.hpp"

using namespace benchmarks;

namespace {
struct Sum {
    double value;
    double get() const { return value; }
};
}  // namespace

static void copy_once(benchmark::State& state) {
    Numbers warm;
    time_shared_argument(
        state,
        [&](const Numbers& numbers) {
            if (warm.size() != numbers.size()) warm.resize(numbers.size());
            std::memcpy(warm.data(), numbers.data(), numbers.size() * sizeof(double));
            benchmark::ClobberMemory();
            return std::span<const double>(warm);
        },
        [](std::span<const double> numbers, int n) { return Sum{sum_of_pages(numbers, n)}; });
}
BENCHMARK(copy_once)->Name(title)->UseRealTime();
BENCHMARK(copy_once)->Name("the same 64 MiB for 100 calls, SharedArray")->UseRealTime();
