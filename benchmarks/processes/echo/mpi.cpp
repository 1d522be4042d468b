// SPDX-License-Identifier: MIT
//
// 16 MiB there and back between two ranks of MPI that are there already, each in one message.
#include "processes/echo/workload.hpp"
#include "support/mpi_pair.hpp"

using namespace benchmarks;

static const MpiPair pair([] {
    for (std::size_t size = 0; MpiPair::next_size(size);) {
        Numbers numbers(size / sizeof(double));
        MpiPair::receive(0, numbers.data(), size);
        MpiPair::send(0, numbers.data(), size);
    }
});

static void echo_numbers(benchmark::State& state) {
    time_echo(state, [&](const Numbers& numbers) {
        const std::size_t size = numbers.size() * sizeof(double);
        MpiPair::send(1, numbers.data(), size);
        Numbers returned(numbers.size());
        MpiPair::receive(1, returned.data(), size);
        return returned;
    });
}
BENCHMARK(echo_numbers)->Name(title)->UseRealTime();
