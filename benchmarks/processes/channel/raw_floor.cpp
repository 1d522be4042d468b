// SPDX-License-Identifier: MIT
//
// A pipe with blocking calls, and no codec: a write and a read for each int, which is there for the receiver at once, as in
// a channel; as large as can be for vectors.
#include "processes/channel/workload.hpp"
#include "support/forked_child.hpp"

using namespace benchmarks;

static void small(benchmark::State& state) {
    const ForkedChild child([](int input, int output) {
        for (int count = 0; read_all(input, &count, sizeof count);)
            for (int n = 1; n <= count; ++n)
                if (!write_all(output, &n, sizeof n)) return;
    });
    time_small(
        state, [&](int count) { require("write", write_all(child.input(), &count, sizeof count)); },
        [&] {
            int value = 0;
            require("read", read_all(child.output(), &value, sizeof value));
            return value;
        });
}
static void large(benchmark::State& state) {
    const ForkedChild child([](int input, int output) {
        Numbers numbers(numbers_of_a_mebibyte);
        for (int count = 0; read_all(input, &count, sizeof count);)
            for (int n = 1; n <= count; ++n) {
                numbers.assign(numbers_of_a_mebibyte, n);
                const std::size_t size = numbers.size();
                if (!write_all(output, &size, sizeof size)) return;
                if (!write_all(output, numbers.data(), size * sizeof(double))) return;
            }
    });
    time_large(
        state, [&](int count) { require("write", write_all(child.input(), &count, sizeof count)); },
        [&] {
            std::size_t size = 0;
            require("read", read_all(child.output(), &size, sizeof size));
            Numbers numbers(size);
            require("read", read_all(child.output(), numbers.data(), size * sizeof(double)));
            return numbers;
        });
}
BENCHMARK(small)->Name(small_title)->UseRealTime();
BENCHMARK(large)->Name(large_title)->UseRealTime();
