// SPDX-License-Identifier: MIT
//
// The floor: 64 bytes there and 64 back over two blocking pipes, no pool, no thread in between.
#include <array>

#include "processes/round_trip/workload.hpp"
#include "support/forked_child.hpp"

using namespace benchmarks;

using Message = std::array<int, 16>;

static void answer_calls(int input, int output) {
    for (Message message; read_all(input, &message, sizeof message);) {
        message[0] = call(message[0]);
        if (!write_all(output, &message, sizeof message)) return;
    }
}

struct Reply {
    int output;
    int get() const {
        Message message;
        require("read", read_all(output, &message, sizeof message));
        return message[0];
    }
};

static void round_trip(benchmark::State& state) {
    const ForkedChild child(answer_calls);
    time_round_trips(state, [&](int n) {
        const Message message{n};
        require("write", write_all(child.input(), &message, sizeof message));
        return Reply{child.output()};
    });
}
BENCHMARK(round_trip)->Name(title)->UseRealTime();
