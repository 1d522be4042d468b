// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^144$
// expect-no-output: ^wrong
//
// Asked who made a socket (SO_PEERCRED), gVisor names the process that asks. A spawned worker must know all the same
// that it is one: otherwise it runs main as a second copy of the program, which spawns a third, and so on.
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <concurrent/futures.hpp>
#include <cstdio>
#include <cstdlib>

namespace cf = concurrent::futures;

// Every caller in the program gets this one.
extern "C" int getsockopt(int socket, int level, int option, void* value, socklen_t* size) noexcept {
    const long result = ::syscall(SYS_getsockopt, socket, level, option, value, size);
    if (result == 0 && level == SOL_SOCKET && option == SO_PEERCRED) static_cast<ucred*>(value)->pid = ::getpid();
    return static_cast<int>(result);
}

static int square(int n) { return n * n; }

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    if (std::getenv("TEST_PROGRAM_RUNS")) return std::printf("wrong: a worker runs main\n"), 1;
    ::setenv("TEST_PROGRAM_RUNS", "1", 1);
    cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
    std::printf("%d\n", pool.submit(square, 12).result());
    return 0;
}
