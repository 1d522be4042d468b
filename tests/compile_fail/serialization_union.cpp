// expect-error: a union does not say what it holds: write std::variant
// SPDX-License-Identifier: MIT
//
// A union.
#include <concurrent/futures/serialization.hpp>

namespace cf = concurrent::futures;

union Number {
    int integer;
    float real;
};

void encode(cf::Encoder& encoder, const Number& number) { encoder.encode(number); }
