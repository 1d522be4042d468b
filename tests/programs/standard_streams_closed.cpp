// SPDX-License-Identifier: MIT
// expect-exit: 0
//
// A program without standard streams: what is printed must not end up in a pipe of the pool, which
// could otherwise get the number 1.
#include <concurrent/futures/process_pool_executor.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace cf = concurrent::futures;

static int print_and_square(int n) {
    std::printf("this is no message of a worker\n");
    std::fprintf(stderr, "this neither\n");
    std::fflush(stdout);
    return n * n;
}

static bool works(cf::StartMethod method) {
    cf::ProcessPoolExecutor pool({.max_workers = 2, .start_method = method});
    bool right = true;
    for (int i = 0; i < 20; ++i) {
        const auto future = pool.submit(print_and_square, i);
        std::printf("this is no message of a pool\n");
        std::fprintf(stderr, "this neither\n");
        std::fflush(stdout);
        right = right && future.result() == i * i;
    }
    for (int stream = 0; stream <= 2; ++stream) right = right && ::fcntl(stream, F_GETFD) < 0;
    return right;
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    for (int stream = 0; stream <= 2; ++stream) ::close(stream);
    const bool spawned = works(cf::StartMethod::spawn);
    const bool forked = CONCURRENT_FUTURES_TSAN || works(cf::StartMethod::fork);
    return (spawned ? 0 : 1) + (forked ? 0 : 2);
}
