// expect-error: a view owns nothing, so it cannot be a result or a stored value
// SPDX-License-Identifier: MIT
//
// A view of bytes that will be gone.
#include <concurrent/futures/serialization.hpp>

namespace cf = concurrent::futures;

std::string_view decode(cf::Decoder& decoder) { return decoder.decode<std::string_view>(); }
