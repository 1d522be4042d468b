// SPDX-License-Identifier: MIT
//
// The floor: poll() of a pidfd, which tells of the child's end and nothing else.
#include <poll.h>
#include <sys/syscall.h>

#include <memory>

#include "processes/worker_killed/workload.hpp"
#include "support/forked_child.hpp"

using namespace benchmarks;

static void worker_killed(benchmark::State& state) {
    std::unique_ptr<ForkedChild> child;
    Descriptor pidfd;
    time_kills(
        state,
        [&] {
            child = std::make_unique<ForkedChild>([](int, int output) {
                require("write", write_all(output, "r", 1));
                wait_forever(0);
            });
            char running = 0;
            require("read", read_all(child->output(), &running, 1));
            pidfd = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, child->pid(), 0)));
            require("pidfd_open", pidfd.get() >= 0);
            return child->pid();
        },
        [&](pid_t) {
            pollfd entry{pidfd.get(), POLLIN, 0};
            require("poll", ::poll(&entry, 1, -1) == 1);
        });
}
BENCHMARK(worker_killed)->Name(title)->Iterations(kills)->UseRealTime();
