// expect-error: can view received bytes: write std::vector
// SPDX-License-Identifier: MIT
//
// Only views can be views.
#include <concurrent/futures/serialization.hpp>

namespace cf = concurrent::futures;

void decode(cf::Decoder& decoder) { decoder.decode_view<std::vector<int>>(); }
