// expect-only-error: process pools and serialization need RTTI
// compile-with: -fno-rtti
// SPDX-License-Identifier: MIT
//
// Exceptions cross by their dynamic type.
#include <concurrent/futures.hpp>

int main() {
    concurrent::futures::ThreadPoolExecutor pool;
}
