// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^(thread pool: ThreadPoolExecutor: cannot start a worker thread: .*limits on threads|skipped: .*)
// expect-output: ^(process pool: ProcessPoolExecutor: cannot start its manager thread; raise the|skipped: .*)
// expect-output: ^(later: 9 and 9|skipped: .*)
// expect-output: ^(with max_pending: 16|skipped: .*)
//
// No thread can be started, as at a limit (ulimit -u, pids.max) or in a thread of SCHED_DEADLINE: the error names the
// pool and the remedy. Later the same pool of threads works; with max_pending, too: what was taken back takes no room.
#include <concurrent/futures.hpp>
#include <dlfcn.h>
#include <pthread.h>

#include <cerrno>
#include <cstdio>

namespace cf = concurrent::futures;

static bool refused = false;
static int square(int n) { return n * n; }

#if CONCURRENT_FUTURES_TSAN || defined(__SANITIZE_ADDRESS__)
static bool can_refuse() { return false; }
#else
static bool can_refuse() { return true; }
// Every caller in the program gets this one, std::thread too.
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                              void* data) noexcept {
    static const auto real = reinterpret_cast<decltype(&::pthread_create)>(::dlsym(RTLD_NEXT, "pthread_create"));
    return refused ? EAGAIN : real(thread, attributes, start, data);
}
#endif

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    if (!can_refuse()) return std::puts("skipped: a sanitizer has a pthread_create() of its own"), 0;
    cf::ThreadPoolExecutor threads(1);
    cf::ThreadPoolExecutor bounded({.max_workers = 1, .max_pending = 1, .on_full = cf::QueueFull::raise});
    refused = true;
    try {
        threads.submit(square, 3).result();
    } catch (const cf::BrokenThreadPool& error) {
        std::printf("thread pool: %s\n", error.what());
    }
    try {
        bounded.submit(square, 3).result();
        std::puts("wrong: a task ran without a thread");
    } catch (const cf::BrokenThreadPool&) {
    }
    try {
        cf::ProcessPoolExecutor(1).submit(square, 3).result();
    } catch (const std::exception& error) {
        std::printf("process pool: %s\n", error.what());
    }
    refused = false;
    std::printf("later: %d and %d\n", threads.submit(square, 3).result(),
                cf::ProcessPoolExecutor(1).submit(square, 3).result());
    std::printf("with max_pending: %d\n", bounded.submit(square, 4).result());
}
