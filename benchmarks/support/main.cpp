// SPDX-License-Identifier: MIT
//
// The main of every benchmark: Google Benchmark's, after process_main, and with one more flag, --quick:
// small sizes, for a look whether everything runs and checks out.
#include <benchmark/benchmark.h>

#include <concurrent/futures/process_main.hpp>
#include <string_view>

#include "support/workload.hpp"

int main(int argc, char** argv) {
    concurrent::futures::process_main(argc, argv);
    int kept = 1;
    for (int i = 1; i < argc; ++i) {
        if (std::string_view(argv[i]) == "--quick")
            benchmarks::quick() = true;
        else
            argv[kept++] = argv[i];
    }
    argc = kept;
    argv[argc] = nullptr;
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    return benchmark::RunSpecifiedBenchmarks() > 0 ? 0 : 1;
}
