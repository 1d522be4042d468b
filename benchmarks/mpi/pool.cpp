// SPDX-License-Identifier: MIT
//
// What a call costs on other ranks: a raw ping-pong, and MPIPoolExecutor. run.sh builds and runs it.
//
//     mpirun -n 2 pool          prints one line for each figure
//     pool processes            the same calls on one worker of a ProcessPoolExecutor, without MPI
#include <concurrent/futures/mpi_pool_executor.hpp>
#include <concurrent/futures/process_pool_executor.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string_view>
#include <vector>

namespace cf = concurrent::futures;
using Clock = std::chrono::steady_clock;
using Bytes = std::vector<char>;

static int call(int n) { return n + 1; }
static Bytes echo(const Bytes& bytes) { return bytes; }

template <class F>
static void time(const char* who, const char* what, int count, F f) {
    const auto began = Clock::now();
    f(count);
    const double ns = std::chrono::duration<double, std::nano>(Clock::now() - began).count();
    std::printf("%-12s %-26s %12.3f us\n", who, what, ns / count / 1000);
    std::fflush(stdout);
}
static void check(long sum, long expected) {
    if (sum != expected) {
        std::fprintf(stderr, "wrong: %ld, not %ld\n", sum, expected);
        std::exit(1);
    }
}

/// Ranks 0 and 1; the message has 64 bytes, or 16 MiB.
static void ping_pong(int rank, std::size_t size, int count) {
    Bytes bytes(size);
    const int bytes_of = static_cast<int>(size);
    for (int n = 0; n < count; ++n) {
        if (rank == 0) MPI_Send(bytes.data(), bytes_of, MPI_BYTE, 1, 0, MPI_COMM_WORLD);
        MPI_Recv(bytes.data(), bytes_of, MPI_BYTE, 1 - rank, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        if (rank == 1) MPI_Send(bytes.data(), bytes_of, MPI_BYTE, 0, 0, MPI_COMM_WORLD);
    }
}

template <class Pool>
static void measure(const char* who, Pool& pool) {
    pool.submit(call, 0).result();
    time(who, "round trip", 2000, [&](int count) {
        for (int n = 0; n < count; ++n) check(pool.submit(call, n).result(), n + 1);
    });
    time(who, "submit and result", 200'000, [&](int count) {
        std::vector<cf::Future<int>> futures;
        for (int n = 0; n < count; ++n) futures.push_back(pool.submit(call, n));
        long sum = 0;
        for (auto& future : futures) sum += future.result();
        check(sum, (1L + count) * count / 2);
    });
    time(who, "map, an item", 2'000'000, [&](int count) {
        std::vector<int> numbers(static_cast<std::size_t>(count));
        std::iota(numbers.begin(), numbers.end(), 0);
        long sum = 0;
        for (const int y : pool.map(call, numbers)) sum += y;
        check(sum, (1L + count) * count / 2);
    });
    const Bytes large(std::size_t{16} << 20, 'x');
    time(who, "16 MiB there and back", 10, [&](int count) {
        for (int n = 0; n < count; ++n) check(static_cast<long>(pool.submit(echo, large).result().size()), 16L << 20);
    });
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    if (argc > 1 && std::string_view(argv[1]) == "processes") {
        cf::ProcessPoolExecutor pool(1);
        measure("process pool", pool);
        return 0;
    }
    int provided = 0, rank = 0, size = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (size > 1 && rank < 2) {
        if (rank == 0) {
            time("raw MPI", "round trip", 20'000, [](int count) { ping_pong(0, 64, count); });
            time("raw MPI", "16 MiB there and back", 10, [](int count) { ping_pong(0, std::size_t{16} << 20, count); });
        } else {
            ping_pong(1, 64, 20'000);
            ping_pong(1, std::size_t{16} << 20, 10);
        }
    }
    cf::mpi_comm_executor(MPI_COMM_WORLD, 0, [](cf::MPIPoolExecutor& pool) { measure("MPI pool", pool); });
    MPI_Finalize();
}
