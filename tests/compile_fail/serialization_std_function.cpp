// expect-error: a lambda with captures or a std::function cannot cross
// SPDX-License-Identifier: MIT
//
// What a std::function holds cannot be seen.
#include <concurrent/futures/serialization.hpp>

#include <functional>

namespace cf = concurrent::futures;

struct Job {
    std::string name;
    std::function<void()> action;
};

void encode(cf::Encoder& encoder, const Job& job) { encoder.encode(job); }
