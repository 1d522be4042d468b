// SPDX-License-Identifier: MIT
//
// The argument costs nothing here: the child has it by copy-on-write. The result comes through a pipe.
#include "processes/echo/workload.hpp"
#include "support/forked_child.hpp"

using namespace benchmarks;

static void echo_numbers(benchmark::State& state) {
    time_echo(state, [](const Numbers& numbers) {
        ForkedChild child([&](int, int output) {
            const Numbers result = echo(numbers);
            require("write", write_all(output, result.data(), result.size() * sizeof(double)));
        });
        Numbers returned(numbers.size());
        require("read", read_all(child.output(), returned.data(), returned.size() * sizeof(double)));
        child.join();
        return returned;
    });
}
BENCHMARK(echo_numbers)->Name(title)->UseRealTime();
