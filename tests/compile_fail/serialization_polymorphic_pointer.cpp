// expect-error: a polymorphic class that is not final
// SPDX-License-Identifier: MIT
//
// The derived part of the object would be lost.
#include <concurrent/futures/serialization.hpp>

namespace cf = concurrent::futures;

struct Shape {
    virtual ~Shape() = default;
};

void encode(cf::Encoder& encoder, const std::unique_ptr<Shape>& shape) { encoder.encode(shape); }
