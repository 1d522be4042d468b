// SPDX-License-Identifier: MIT
//
// cluster_map: the primes below a number, counted by all ranks of an MPI job.
//
//     mpirun -n 5 ./cluster_map 20000000              a root and 4 ranks, each counts on one core
//     mpirun -n 3 --map-by node ./cluster_map 20000000 threads
//                                                     two levels: each rank has a pool of threads
//     mpirun -n 3 --map-by node ./cluster_map 20000000 processes
//                                                     two levels: each rank has a pool of processes
//     sbatch cluster_map.slurm                        the same under Slurm
//
// It prints "1270607 primes below 20000000, counted by 4 of 4 workers".
//
// On one machine this would be pool.map() of a ThreadPoolExecutor. Only the executor's type changes.
#include <concurrent/futures/mpi_pool_executor.hpp>
#include <concurrent/futures/process_pool_executor.hpp>
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

// The second level, on a rank: the cores that the launcher gave to it share the part. The root sends one task for what
// is ten there.
template <class Pool>
long count_primes_on_all_cores(Part part) {
    static Pool pool;
    long count = 0;
    for (const long some : pool.map(count_primes, parts_of(part, 10'000))) count += some;
    return count;
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);  // only for processes in ranks
    cf::mpi_main(argc, argv);
    const long below = argc > 1 ? std::atol(argv[1]) : 200'000;
    const std::string level = argc > 2 ? argv[2] : "";

    cf::MPIPoolExecutor pool;
    long count = 0;
    const auto add_all = [&](auto counts) {
        for (const long some : counts) count += some;
    };
    if (level == "threads")
        add_all(pool.map(count_primes_on_all_cores<cf::ThreadPoolExecutor>, parts_of({0, below}, 100'000)));
    else if (level == "processes")
        add_all(pool.map(count_primes_on_all_cores<cf::ProcessPoolExecutor>, parts_of({0, below}, 100'000)));
    else
        add_all(pool.map(count_primes, parts_of({0, below}, 10'000)));
    std::cout << count << " primes below " << below << ", counted by " << pool.stats().workers << " of "
              << pool.max_workers() << " workers\n";
}
