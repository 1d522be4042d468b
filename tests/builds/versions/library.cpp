// SPDX-License-Identifier: MIT
//
// A library that embeds the headers and has pools of its own. NAME begins the names of what it offers. Little is used of
// the pools, since each compilation costs time.
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#define PASTE_AGAIN(name, function) name##_##function
#define PASTE(name, function) PASTE_AGAIN(name, function)

namespace {
namespace cf = concurrent::futures;

int square(int n) { return n * n; }
/// Of this copy of the library: 1 in a worker that its own process_main() has started.
int depth() { return cf::detail::program_start().depth; }

template <class Pool>
bool works(Pool&& pool) {
    int sum = 0;
    for (int n = 0; n < 20; ++n) sum += pool.submit(square, n).result();
    return sum == 2470;
}
}  // namespace

extern "C" void PASTE(NAME, start)(int argc, char** argv) { cf::process_main(argc, argv); }
extern "C" int PASTE(NAME, work)() {
    cf::ProcessPoolExecutor processes({.max_workers = 1, .start_method = cf::StartMethod::spawn});
    if (!works(cf::ThreadPoolExecutor(2)) || !works(processes)) return 0;
    return processes.submit(depth).result() == 1;
}
