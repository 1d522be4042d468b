// SPDX-License-Identifier: MIT
//
// The headers declare, the target's library defines: threads, processes and an exception from one.
#include <concurrent/futures.hpp>

#if CONCURRENT_FUTURES_HEADER_ONLY
#error "concurrent::futures_compiled does not define CONCURRENT_FUTURES_SEPARATE_COMPILATION"
#endif

#include <stdexcept>

namespace cf = concurrent::futures;

static int square(int number) {
    if (number < 0) throw std::invalid_argument("negative");
    return number * number;
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    cf::ThreadPoolExecutor threads(2);
    cf::ProcessPoolExecutor processes(2);
    if (threads.submit(square, 12).result() != 144 || processes.submit(square, 12).result() != 144) return 1;
    try {
        processes.submit(square, -1).result();
    } catch (const std::invalid_argument&) {
        return 0;
    }
    return 1;
}
