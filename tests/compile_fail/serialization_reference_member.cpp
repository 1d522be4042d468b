// expect-error: a reference means nothing in another process: write the type itself
// SPDX-License-Identifier: MIT
//
// A struct that refers to what is not its own.
#include <concurrent/futures/serialization.hpp>

namespace cf = concurrent::futures;

struct Line {
    const std::string& text;
};

Line decode(cf::Decoder& decoder) { return decoder.decode<Line>(); }
