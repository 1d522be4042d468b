// SPDX-License-Identifier: MIT
//
// The floor of what goes through pipes: 16 MiB written to a child that reads all of it and writes it
// back, with blocking calls as large as can be. Shared memory would be faster still.
#include "processes/echo/workload.hpp"
#include "support/forked_child.hpp"

using namespace benchmarks;

static void echo_numbers(benchmark::State& state) {
    const ForkedChild child([](int input, int output) {
        std::size_t count = 0;
        while (read_all(input, &count, sizeof count)) {
            Numbers numbers(count);
            if (!read_all(input, numbers.data(), count * sizeof(double))) return;
            if (!write_all(output, numbers.data(), count * sizeof(double))) return;
        }
    });
    time_echo(state, [&](const Numbers& numbers) {
        const std::size_t count = numbers.size();
        require("write", write_all(child.input(), &count, sizeof count) &&
                             write_all(child.input(), numbers.data(), count * sizeof(double)));
        Numbers returned(count);
        require("read", read_all(child.output(), returned.data(), count * sizeof(double)));
        return returned;
    });
}
BENCHMARK(echo_numbers)->Name(title)->UseRealTime();
