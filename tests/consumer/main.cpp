// SPDX-License-Identifier: MIT
//
// What every consumer here builds: the smallest program that runs something on a pool.
#include <concurrent/futures.hpp>
#include <iostream>

#ifdef PACKAGE_VERSION  // of the package that CMake found
constexpr int package_version[] = {PACKAGE_VERSION};
static_assert(package_version[0] == CONCURRENT_FUTURES_VERSION_MAJOR &&
              package_version[1] == CONCURRENT_FUTURES_VERSION_MINOR &&
              package_version[2] == CONCURRENT_FUTURES_VERSION_PATCH);
#endif

int main() {
    concurrent::futures::ThreadPoolExecutor pool;
    std::cout << "12 squared is " << pool.submit([](int n) { return n * n; }, 12).result() << '\n';
}
