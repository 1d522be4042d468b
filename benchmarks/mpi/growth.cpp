// SPDX-License-Identifier: MIT
//
// Tasks per second of an MPIPoolExecutor, to be run with more and more ranks. growth.sh builds and runs it.
//
//     mpirun -n 5 growth        a line with the number of workers (4) and a figure for each kind of task
#include <concurrent/futures/mpi_pool_executor.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace cf = concurrent::futures;
using Clock = std::chrono::steady_clock;

static int plus_one(int n) { return n + 1; }
/// Keeps a processor busy for 100 µs, if it has one.
static int compute(int n) {
    const auto end = Clock::now() + std::chrono::microseconds(100);
    while (Clock::now() < end) {}
    return n + 1;
}
/// Waits 1 ms, as a task that asks a disk or another machine does.
static int wait(int n) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return n + 1;
}

static double per_second(cf::MPIPoolExecutor& pool, int (*call)(int), int count) {
    const auto began = Clock::now();
    std::vector<cf::Future<int>> futures;
    for (int n = 0; n < count; ++n) futures.push_back(pool.submit(call, n));
    long sum = 0;
    for (auto& future : futures) sum += future.result();
    if (sum != (1L + count) * count / 2) std::exit(1);
    return count / std::chrono::duration<double>(Clock::now() - began).count();
}

int main(int argc, char** argv) {
    cf::mpi_main(argc, argv);
    cf::MPIPoolExecutor pool;
    const int workers = static_cast<int>(pool.max_workers());
    per_second(pool, plus_one, 20'000);  // all lanes know the pool then
    std::printf("%d %.0f %.0f %.0f\n", workers, per_second(pool, plus_one, 200'000), per_second(pool, compute, 5000),
                per_second(pool, wait, 500 * workers));
}
