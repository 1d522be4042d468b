// SPDX-License-Identifier: MIT
//
// What an idle MPIPoolExecutor costs, and how soon it is at work again. idle.sh builds and runs it.
//
//     mpirun -n 2 idle        a line for each figure: microseconds, or percent of a core
#include <concurrent/futures/mpi_pool_executor.hpp>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace cf = concurrent::futures;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

static int plus_one(int n) { return n + 1; }
static int process(int) { return ::getpid(); }
static int rest_for(int milliseconds) {
    std::this_thread::sleep_for(Milliseconds(milliseconds));
    return milliseconds;
}

/// Nanoseconds of processor time of all threads.
static double used_by(int pid) {
    double sum = 0;
    for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
        double used = 0;
        std::ifstream(thread.path() / "schedstat") >> used;
        sum += used;
    }
    return sum;
}

int main(int argc, char** argv) {
    cf::mpi_main(argc, argv);
    cf::MPIPoolExecutor pool;
    const int rank = pool.submit(process, 0).result();
    for (const int pause : {5, 50, 300}) {
        std::vector<double> times;
        for (int n = 0; n < 11; ++n) {
            std::this_thread::sleep_for(Milliseconds(pause));
            const auto began = Clock::now();
            if (pool.submit(plus_one, n).result() != n + 1) return 1;
            times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - began).count());
        }
        std::nth_element(times.begin(), times.begin() + 5, times.end());
        std::printf("round trip after %d ms without work, us: %.1f\n", pause, times[5]);
    }
    const auto measure = [&](const char* what) {
        constexpr std::chrono::seconds length{3};
        std::this_thread::sleep_for(Milliseconds(500));
        const double root_before = used_by(::getpid()), rank_before = used_by(rank);
        std::this_thread::sleep_for(length);
        const double all = std::chrono::nanoseconds(length).count() / 100.0;
        std::printf("%s, %% of a core, root: %.4f\n", what, (used_by(::getpid()) - root_before) / all);
        std::printf("%s, %% of a core, rank: %.4f\n", what, (used_by(rank) - rank_before) / all);
    };
    measure("nothing to do");
    auto long_one = pool.submit(rest_for, 4000);
    measure("a task of 4 s");
    long_one.result();
}
