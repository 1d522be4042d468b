// expect-error: a raw pointer means nothing in another process
// SPDX-License-Identifier: MIT
//
// The question for a whole type finds the part that cannot cross.
#include <concurrent/futures/serialization.hpp>

#include <map>

namespace cf = concurrent::futures;

struct Inner {
    int* pointer;
};
struct Outer {
    std::map<int, std::vector<Inner>> inners;
};

static_assert((cf::detail::require_serializable<Outer>(), true));
