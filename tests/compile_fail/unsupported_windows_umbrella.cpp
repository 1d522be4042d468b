// expect-only-error: process pools need a POSIX system
// compiler: x86_64-w64-mingw32-g++-posix
// SPDX-License-Identifier: MIT
//
// There are threads, but no process pools on Windows: the umbrella says which headers to include.
#include <concurrent/futures.hpp>

int main() {
    concurrent::futures::ThreadPoolExecutor pool;
}
