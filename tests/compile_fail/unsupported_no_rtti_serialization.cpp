// expect-only-error: process pools and serialization need RTTI
// compile-with: -fno-rtti
// SPDX-License-Identifier: MIT
//
// The same with a single header.
#include <concurrent/futures/serialization.hpp>

int main() {
    
}
