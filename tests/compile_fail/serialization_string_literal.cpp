// expect-error: a string literal or character array: write std::string
// SPDX-License-Identifier: MIT
//
// A literal is an array of characters.
#include <concurrent/futures/serialization.hpp>

namespace cf = concurrent::futures;

void encode(cf::Encoder& encoder) { encoder.encode("text"); }
