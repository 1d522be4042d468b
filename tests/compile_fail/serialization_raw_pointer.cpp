// expect-error: a raw pointer means nothing in another process: pass the object by value
// SPDX-License-Identifier: MIT
//
// A raw pointer in a result.
#include <concurrent/futures/serialization.hpp>

namespace cf = concurrent::futures;

struct Node {
    int value;
    Node* next;
};

Node decode(cf::Decoder& decoder) { return decoder.decode<Node>(); }
