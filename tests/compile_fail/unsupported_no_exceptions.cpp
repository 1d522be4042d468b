// expect-only-error: concurrent_futures needs exceptions
// compile-with: -fno-exceptions
// SPDX-License-Identifier: MIT
//
// Futures carry exceptions.
#include <concurrent/futures.hpp>

int main() {
    concurrent::futures::ThreadPoolExecutor pool;
}
