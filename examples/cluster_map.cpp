// SPDX-License-Identifier: MIT
//
// cluster_map: the primes below a number, counted by all ranks of an MPI job.
//
//     mpirun -n 5 ./cluster_map 20000000              a root and 4 ranks, each counts on one core
//     mpirun -n 3 --map-by node ./cluster_map 20000000 threads
//                                                     the second level: each rank has a pool of threads
//     sbatch cluster_map.slurm                        the same under Slurm
//
// On one machine this would be pool.map() of a ThreadPoolExecutor. Only the executor's type changes.
#include <concurrent/futures/mpi_pool_executor.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

namespace cf = concurrent::futures;

struct Part {
    long begin, end;
};

long count_primes(Part part) {
    long count = 0;
    for (long n = std::max(part.begin, 2L); n < part.end; ++n) {
        bool prime = true;
        for (long d = 2; d * d <= n && prime; ++d) prime = n % d != 0;
        count += prime;
    }
    return count;
}

std::vector<Part> parts_of(Part whole, long size) {
    std::vector<Part> parts;
    for (long begin = whole.begin; begin < whole.end; begin += size)
        parts.push_back({begin, std::min(begin + size, whole.end)});
    return parts;
}

// On a rank: the cores that the launcher gave to it share the part.
long count_primes_with_threads(Part part) {
    static cf::ThreadPoolExecutor threads;
    long count = 0;
    for (const long some : threads.map(count_primes, parts_of(part, 10'000))) count += some;
    return count;
}

int main(int argc, char** argv) {
    cf::mpi_main(argc, argv);
    const long below = argc > 1 ? std::atol(argv[1]) : 200'000;
    const bool with_threads = argc > 2 && std::string(argv[2]) == "threads";

    cf::MPIPoolExecutor pool;
    long count = 0;
    for (const long some : with_threads ? pool.map(count_primes_with_threads, parts_of({0, below}, 100'000))
                                        : pool.map(count_primes, parts_of({0, below}, 10'000)))
        count += some;
    std::cout << count << " primes below " << below << ", counted by " << pool.stats().workers << " of "
              << pool.max_workers() << " workers\n";
}
