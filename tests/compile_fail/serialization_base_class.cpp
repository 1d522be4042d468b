// expect-error: this type cannot cross to another process. Four ways to fix it
// SPDX-License-Identifier: MIT
//
// Structured bindings cannot name the fields of a base class.
#include <concurrent/futures/serialization.hpp>

namespace cf = concurrent::futures;

struct Base {
    int x;
};
struct Derived : Base {
    int y;
};

void encode(cf::Encoder& encoder, const Derived& derived) { encoder.encode(derived); }
