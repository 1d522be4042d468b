// SPDX-License-Identifier: MIT
//
// main of the tests that run under mpirun: rank 0 runs them, the others run their calls. There is no watchdog, which
// would start the program again: mpirun or CTest ends what hangs.
#define CATCH_CONFIG_RUNNER
#include <concurrent/futures/mpi_pool_executor.hpp>

#include <catch2/catch_session.hpp>

#include "support/leak_listener.hpp"
#include "support/watchdog.hpp"

int main(int argc, char** argv) {
    support::prepare_process();
    concurrent::futures::mpi_main(argc, argv);
    const int code = Catch::Session().run(argc, argv);
    return code == 0 && support::leaks_found() > 0 ? 3 : code;
}
