// SPDX-License-Identifier: MIT
//
// How many processors pools and their workers have in a program that is linked with an OpenMP runtime. See openmp.py.
#include <concurrent/futures.hpp>
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace {

namespace cf = concurrent::futures;

int processors() {
    cpu_set_t set;
    return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : -1;
}
int pin_to_one() {
    cpu_set_t set, one;
    CPU_ZERO(&one);
    ::sched_getaffinity(0, sizeof set, &set);
    for (std::size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++i)
        if (CPU_ISSET(i, &set)) CPU_SET(i, &one);
    return ::sched_setaffinity(0, sizeof one, &one);
}

}  // namespace

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    const bool region = argc > 1 && std::strcmp(argv[1], "region") == 0;
    int threads = 0;
#pragma omp parallel if (region)
#pragma omp atomic
    ++threads;
    if (argc > 1 && std::strcmp(argv[1], "pin") == 0 && pin_to_one() != 0) return 1;
    const int own = processors();
    std::printf("parallelism %zu", cf::available_parallelism());
    const bool fork = argc > 1 && std::strcmp(argv[1], "fork") == 0;  // needs a process with one thread
    const auto method = fork ? cf::StartMethod::fork : cf::StartMethod::spawn;
    {
        cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = method});
        std::printf(", worker %d", pool.submit(processors).result());
    }
    cf::Process process({.start_method = method}, [] { ::_exit(processors()); });
    process.join();
    std::printf(", process %d", process.exit_code().value_or(-1));
    cf::ThreadPoolExecutor pool({.max_workers = 1});
    std::printf(", thread %d", pool.submit(processors).result());
    std::printf("\n");
    return processors() == own ? 0 : 2;  // what others have bound stays as it is
}
