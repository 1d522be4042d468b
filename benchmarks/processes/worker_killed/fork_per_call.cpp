// SPDX-License-Identifier: MIT
//
// The submitter is blocked in a read of the child's pipe, which ends with the child; then waitpid.
#include <memory>

#include "processes/worker_killed/workload.hpp"
#include "support/forked_child.hpp"

using namespace benchmarks;

static void worker_killed(benchmark::State& state) {
    std::unique_ptr<ForkedChild> child;
    time_kills(
        state,
        [&] {
            child = std::make_unique<ForkedChild>([](int, int output) {
                require("write", write_all(output, "r", 1));
                wait_forever(0);
            });
            char running = 0;
            require("read", read_all(child->output(), &running, 1));
            return child->pid();
        },
        [&](pid_t) {
            char byte = 0;
            require("the end of the pipe", !read_all(child->output(), &byte, 1));
            child->join();
        });
}
BENCHMARK(worker_killed)->Name(title)->Iterations(kills)->UseRealTime();
