// SPDX-License-Identifier: MIT
//
// Returns 0 if a call on one rank alone, without a launcher, gives its result.
#include <concurrent/futures/mpi_pool_executor.hpp>
namespace cf = concurrent::futures;

int square(int n) { return n * n; }

int main(int argc, char** argv) {
    cf::mpi_main(argc, argv);
    cf::MPIPoolExecutor pool;
    return pool.submit(square, 12).result() == 144 ? 0 : 1;
}
