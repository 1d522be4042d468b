// SPDX-License-Identifier: MIT
//
// The floor: 64-byte requests and replies over two blocking pipes to one child, 64 of them per write,
// eight such batches on the way, no futures.
#include <array>

#include "processes/submit_result/workload.hpp"
#include "support/forked_child.hpp"

using namespace benchmarks;

using Message = std::array<int, 16>;
using Batch = std::array<Message, 64>;

static constexpr int per_batch = 64;
static constexpr int ahead = 8;

static void answer_calls(int input, int output) {
    for (Batch batch; read_all(input, &batch, sizeof batch);) {
        for (Message& message : batch) message[0] = call(message[0]);
        if (!write_all(output, &batch, sizeof batch)) return;
    }
}

static void submit_result(benchmark::State& state) {
    const ForkedChild child(answer_calls);
    const int batches = std::max(scaled(many) / per_batch, 1);
    time_batches(state, batches * per_batch, [&](int count) {
        const int all = std::max(count / per_batch, 1);
        std::int64_t sum = 0;
        int next = 0;
        for (int sent = 0, received = 0; received < all;) {
            Batch batch{};
            if (sent < all && sent < received + ahead) {
                for (Message& message : batch) message[0] = next++;
                require("write", write_all(child.input(), &batch, sizeof batch));
                ++sent;
            } else {
                require("read", read_all(child.output(), &batch, sizeof batch));
                for (const Message& message : batch) sum += message[0];
                ++received;
            }
        }
        check("sum of the results", sum, sum_up_to(all * per_batch));
    });
}
BENCHMARK(submit_result)->Name(title)->UseRealTime();
