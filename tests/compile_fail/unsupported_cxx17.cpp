// expect-only-error: concurrent_futures needs C\+\+20
// compile-with: -std=c++17
// SPDX-License-Identifier: MIT
//
// The standard that many build systems take by default.
#include <concurrent/futures.hpp>

int main() {
    concurrent::futures::ThreadPoolExecutor pool;
}
