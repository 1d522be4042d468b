// expect-error: const char\* points into this process: write std::string
// SPDX-License-Identifier: MIT
//
// A const char* as an element.
#include <concurrent/futures/serialization.hpp>

namespace cf = concurrent::futures;

void encode(cf::Encoder& encoder) { encoder.encode(std::vector<const char*>{"a"}); }
