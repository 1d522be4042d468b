// expect-error: a C array cannot cross by itself: write std::array or std::vector
// SPDX-License-Identifier: MIT
//
// A C array outside of a struct.
#include <concurrent/futures/serialization.hpp>

namespace cf = concurrent::futures;

void encode(cf::Encoder& encoder) {
    const int numbers[3] = {1, 2, 3};
    encoder.encode(numbers);
}
