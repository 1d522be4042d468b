// expect-error: a lambda with captures or a std::function cannot cross
// SPDX-License-Identifier: MIT
//
// The captures of a closure cannot be seen.
#include <concurrent/futures/serialization.hpp>

namespace cf = concurrent::futures;

void encode(cf::Encoder& encoder) {
    int number = 3;
    encoder.encode([number] { return number; });
}
