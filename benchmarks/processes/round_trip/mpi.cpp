// SPDX-License-Identifier: MIT
//
// 64 bytes there and 64 back between two ranks of MPI that are there already: its ping-pong.
#include <array>

#include "processes/round_trip/workload.hpp"
#include "support/mpi_pair.hpp"

using namespace benchmarks;

using Message = std::array<int, 16>;

static const MpiPair pair([] {
    Message message;
    for (std::size_t size = 0; MpiPair::next_size(size);) {
        MpiPair::receive(0, &message, sizeof message);
        message[0] = call(message[0]);
        MpiPair::send(0, &message, sizeof message);
    }
});

struct Reply {
    int get() const {
        Message message;
        MpiPair::receive(1, &message, sizeof message);
        return message[0];
    }
};

static void round_trip(benchmark::State& state) {
    time_round_trips(state, [&](int n) {
        const Message message{n};
        MpiPair::send(1, &message, sizeof message);
        return Reply{};
    });
}
BENCHMARK(round_trip)->Name(title)->UseRealTime();
