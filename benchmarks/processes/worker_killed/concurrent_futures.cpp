// SPDX-License-Identifier: MIT
#include <concurrent/futures/process_pool_executor.hpp>
#include <thread>

#include "processes/worker_killed/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

static void worker_killed(benchmark::State& state) {
    cf::ProcessPoolExecutor pool({.max_workers = 1});
    cf::Future<int> future;
    time_kills(
        state,
        [&] {
            future = pool.submit(wait_forever, 0);
            while (!future.running()) std::this_thread::yield();
            return pool.worker_pids().front();
        },
        [&](pid_t pid) {
            try {
                future.result();
                require("an exception", false);
            } catch (const cf::WorkerDiedError& error) {
                check("pid", error.pid(), pid);
                check("signal", error.signal().value_or(0), SIGKILL);
            }
        });
}
BENCHMARK(worker_killed)->Name(title)->Iterations(kills)->UseRealTime();
